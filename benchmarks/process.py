"""What the kernel says of a process: memory from /proc, fsyncs from strace."""

from __future__ import annotations

import re
import shutil
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Self

KIB = 1024
#: what makes a storage medium write at once
SYNCING = "fsync,fdatasync,sync_file_range,msync,sync,syncfs"

_IMPORTS = """
import importlib, os, sys
for name in sys.stdin.read().split():
    try:
        importlib.import_module(name)
    except ImportError:  # the agent tried it too
        pass
os._exit(0)
"""


@dataclass(frozen=True)
class Memory:
    """Bytes, as /proc/PID/smaps_rollup has them."""

    rss: int
    pss: int
    #: pages that nobody else has: what the process costs when many run the same Python
    private: int

    @classmethod
    def of(cls, pid: int) -> Self:
        """Of a process that runs."""
        text = Path(f"/proc/{pid}/smaps_rollup").read_text(encoding="ascii")
        kib = {name: int(size) for name, size in re.findall(r"^(\w+): +(\d+) kB$", text, re.MULTILINE)}
        private = kib["Private_Clean"] + kib["Private_Dirty"]
        return cls(rss=kib["Rss"] * KIB, pss=kib["Pss"] * KIB, private=private * KIB)


def processor_seconds(pid: int) -> float:
    """Processor time that it has used, in user and kernel."""
    fields = Path(f"/proc/{pid}/stat").read_text(encoding="ascii").rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / 100  # USER_HZ is 100 on every Linux port in use


def threads(pid: int) -> int:
    """How many threads it has."""
    return len(list(Path(f"/proc/{pid}/task").iterdir()))


def until(
    condition: Callable[[], bool],
    what: str | Callable[[], str],
    within_seconds: float = 60.0,
    every_seconds: float = 0.005,
) -> None:
    """Wait for it; SystemExit with what did not come."""
    deadline = time.monotonic() + within_seconds
    while not condition():
        if time.monotonic() > deadline:
            raise SystemExit(f"footprint: not within {within_seconds:g} s: {what if isinstance(what, str) else what()}")
        time.sleep(every_seconds)


def import_seconds(python: Path, modules: Sequence[str], environment: Mapping[str, str]) -> float:
    """How long a bare Python takes, from exec to its end, that imports these in this order."""
    began = time.perf_counter()
    subprocess.run([python, "-P", "-c", _IMPORTS], input=" ".join(modules), text=True, check=True, env=environment)
    return time.perf_counter() - began


def imported(log: str) -> list[str]:
    """The modules that a process named on standard error under -X importtime, in order."""
    names = [line.rpartition("|")[2].strip() for line in log.splitlines() if line.startswith("import time:")]
    return [name for name in names if name not in ("imported package", "__main__", "site", "runpy")]


class Fsyncs:
    """Counts a process's calls that reach the medium, by strace; none of them if it is not installed."""

    def __init__(self, pid: int, log: Path) -> None:
        self._log = log
        self._began = time.monotonic()
        found = shutil.which("strace")
        self._strace: subprocess.Popen[bytes] | None = None
        if found is not None:
            argv = [found, "-f", "-qq", "-e", f"trace={SYNCING}", "-o", str(log), "-p", str(pid)]
            self._strace = subprocess.Popen(argv, stdin=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
            until(lambda: _is_traced(pid), "strace follows the agent")

    def per_hour(self) -> float | None:
        """What was counted until now, on an hour; none without strace. Ends the counting."""
        if self._strace is None:
            return None
        self._strace.terminate()
        self._strace.wait(10)
        calls = re.findall(r"^\d+ +\w+\(.*= 0$", self._log.read_text(encoding="utf-8"), re.MULTILINE)
        resumed = re.findall(r"^\d+ +<\.\.\. \w+ resumed>.*= 0$", self._log.read_text(encoding="utf-8"), re.MULTILINE)
        return (len(calls) + len(resumed)) * 3600 / (time.monotonic() - self._began)


def _is_traced(pid: int) -> bool:
    status = Path(f"/proc/{pid}/status").read_text(encoding="ascii")
    return "TracerPid:\t0\n" not in status
