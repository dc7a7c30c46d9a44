"""Real sshd on loopback, one a device: its own port, host key and authorized keys, and the agent on its own state."""

from __future__ import annotations

import os
import pwd
import shutil
import subprocess
from pathlib import Path
from typing import Final

import pytest

from running.demo import BIN, until
from running.ports import free_ports

#: where a Debian keeps it, which is on no user's PATH
SSHD: Final = shutil.which("sshd", path=f"{os.environ.get('PATH', '')}:/usr/sbin:/usr/local/sbin")
USER: Final = pwd.getpwuid(os.geteuid()).pw_name
#: sshd as root wants this directory, which systemd makes elsewhere
PRIVILEGE_SEPARATION: Final = Path("/run/sshd")


class SshHost:
    """One host. `path` goes before the agent's own on its PATH."""

    def __init__(self, folder: Path, name: str, key: Path, state: Path) -> None:
        self.name = name
        self.folder = folder / name
        self.folder.mkdir()
        self.port = free_ports(1)[0]
        self.state = state
        self.path = self.folder / "bin"
        self.path.mkdir()
        self._process: subprocess.Popen[bytes] | None = None
        make_key(self.folder / "host_key")
        shutil.copy(key.with_suffix(".pub"), self.folder / "authorized_keys")
        (self.folder / "authorized_keys").chmod(0o600)

    def start(self) -> None:
        """Up and listening."""
        if SSHD is None:
            pytest.fail("no sshd: `make test-tools` installs it (openssh-server)")
        if os.geteuid() == 0:
            PRIVILEGE_SEPARATION.mkdir(mode=0o755, exist_ok=True)
        config = self.folder / "sshd_config"
        config.write_text(self._config())
        with (self.folder / "sshd.log").open("ab") as said:
            self._process = subprocess.Popen([SSHD, "-D", "-e", "-f", config], stdout=said, stderr=said)
        until(
            lambda: b"listening on" in (self.folder / "sshd.log").read_bytes(), within=20, what=f"{self.name} listens"
        )

    @property
    def pid(self) -> int:
        """Of the listening sshd."""
        assert self._process is not None
        return self._process.pid

    def stop(self) -> None:
        """Gone, its sessions too as far as it ends them."""
        if self._process is not None:
            self._process.terminate()
            self._process.wait(timeout=10)
            self._process = None

    def known_line(self, key: Path | None = None) -> str:
        """Its line in known_hosts; with another `key`, a wrong one."""
        words = (key or self.folder / "host_key").with_suffix(".pub").read_text().split()
        return f"[127.0.0.1]:{self.port} {words[0]} {words[1]}\n"

    def has_agent(self, script: str) -> None:
        """Another `pyv-edge-agent` there; $REAL is the real one."""
        program = self.path / "pyv-edge-agent"
        program.write_text(f"#!/bin/bash\nREAL={BIN / 'pyv-edge-agent'}\n{script}\n")
        program.chmod(0o755)

    def toml(self, **more: str) -> str:
        """Its table in an inventory of ours."""
        fields = {"name": f'"{self.name}"', "address": '"127.0.0.1"', "port": str(self.port), "user": f'"{USER}"'}
        return "[[host]]\n" + "".join(f"{key} = {value}\n" for key, value in {**fields, **more}.items())

    def _config(self) -> str:
        path = f"{self.path}:{BIN}:/usr/bin:/bin"
        return "\n".join(
            (
                f"Port {self.port}",
                "ListenAddress 127.0.0.1",
                f"HostKey {self.folder / 'host_key'}",
                f"AuthorizedKeysFile {self.folder / 'authorized_keys'}",
                f"PidFile {self.folder / 'sshd.pid'}",
                "PasswordAuthentication no",
                "KbdInteractiveAuthentication no",
                "PermitRootLogin prohibit-password",
                "StrictModes no",
                "UsePAM no",
                "MaxStartups 200",
                "Subsystem sftp internal-sftp",
                f'SetEnv "PATH={path}" "PYV_EDGE_STATE_DIR={self.state}"',
                "",
            )
        )


def make_key(path: Path) -> Path:
    """An Ed25519 key pair without a passphrase."""
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", "test", "-f", path], check=True)
    return path
