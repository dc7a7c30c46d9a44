"""The machine around the agent: system, packages, clock, network, certificate. Nothing here reads a key."""

from __future__ import annotations

import os
import platform
import subprocess
import sys
import time
from importlib.metadata import distributions
from pathlib import Path
from typing import Any, Final

from pyv_edge_agent import hardware
from pyv_edge_agent.state_dir import StateDir

FILES_MAX: Final = 2000
UNIT: Final = "pyvorin-edge.service"
_JOURNAL_SECONDS: Final = 10.0


def machine() -> dict[str, Any]:
    """System, Python, packages, clock, memory."""
    import psutil

    memory = psutil.virtual_memory()
    return {
        "system": " ".join(platform.uname()._asdict().values()),
        "python": sys.version,
        "packages": sorted({f"{one.metadata['Name']} {one.version}" for one in distributions()}),
        "clock": {
            "at": time.time_ns() // 1_000_000,
            "state": hardware.clock_state(),
            "zone": list(time.tzname),
            "uptime_seconds": round(time.clock_gettime(time.CLOCK_BOOTTIME)),
            "machine_boot_id": hardware.boot_id(),
        },
        "memory": {"total_bytes": memory.total, "available_bytes": memory.available},
        "load": list(os.getloadavg()),
        "cpus": os.cpu_count(),
    }


def network() -> dict[str, Any]:
    """The machine's interfaces and addresses."""
    import psutil

    states = psutil.net_if_stats()
    return {
        name: {
            "up": states[name].isup if name in states else None,
            "addresses": [one.address for one in addresses],
        }
        for name, addresses in sorted(psutil.net_if_addrs().items())
    }


def disk(root: Path) -> dict[str, Any]:
    """Room, and what lies in the state directory: names, sizes, modes, owners."""
    room = os.statvfs(root)
    files = {}
    for path in sorted(root.rglob("*"))[:FILES_MAX]:
        said = path.lstat()
        files[str(path.relative_to(root))] = [said.st_size, oct(said.st_mode), said.st_uid, round(said.st_mtime)]
    return {
        "free_bytes": room.f_bavail * room.f_frsize,
        "total_bytes": room.f_blocks * room.f_frsize,
        "free_files": room.f_favail,
        "owner": root.stat().st_uid,
        "user": os.geteuid(),
        "files": files,
    }


def certificate(place: StateDir) -> dict[str, Any]:
    """Whom the certificate names, and from when to when it holds."""
    from cryptography import x509

    found = x509.load_pem_x509_certificate(place.credentials.certificate.read_bytes())
    return {
        "subject": found.subject.rfc4514_string(),
        "issuer": found.issuer.rfc4514_string(),
        "serial": format(found.serial_number, "x"),
        "not_before": found.not_valid_before_utc.isoformat(),
        "not_after": found.not_valid_after_utc.isoformat(),
    }


def service_log(lines: int) -> bytes:
    """The last lines of the unit in systemd's journal; OSError if there is no journalctl or it does not end."""
    argv = ["journalctl", "--unit", UNIT, "--lines", str(lines), "--no-pager", "--output", "short-iso"]
    try:
        done = subprocess.run(argv, capture_output=True, timeout=_JOURNAL_SECONDS, check=False)
    except subprocess.TimeoutExpired:
        raise OSError(f"journalctl did not end within {_JOURNAL_SECONDS:g} s") from None
    if done.returncode:
        raise OSError(f"journalctl: exit {done.returncode}: {done.stderr.decode('utf-8', 'replace')[:500]}")
    return done.stdout
