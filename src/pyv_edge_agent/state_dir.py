"""A device's state directory: where each file lies (ARCHITECTURE, layout on disk)."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Final

import msgspec

from pyv_edge_agent.link.interface import Credentials

#: A Debian package would set it; a developer names another.
DEFAULT: Final = Path("/var/lib/pyvorin-edge")


class EnvFileError(Exception):
    """A line of the `env` file that is no KEY=VALUE; the message names the line, never the value."""


class StateDir(msgspec.Struct, frozen=True):
    """The directory, by its files."""

    root: Path

    @property
    def device_id(self) -> Path:
        """The id, alone on a line: decided once, at provisioning."""
        return self.root / "device_id"

    @property
    def credentials(self) -> Credentials:
        """The device's certificate and its key (0600)."""
        return Credentials(self.root / "device.pem", self.root / "device.key")

    @property
    def server_ca(self) -> Path:
        """Server CAs in PEM: no other is trusted."""
        return self.root / "server_ca.pem"

    @property
    def trust_anchor(self) -> Path:
        """The article's `trust_anchor.json`."""
        return self.root / "trust_anchor.json"

    @property
    def trust_proof(self) -> Path:
        """Which chain of trust documents was verified already (`pyvorin_edge.trust.proof_of`)."""
        return self.root / "trust_proof"

    @property
    def join(self) -> Path:
        """The controller's answer at enrolment."""
        return self.root / "join.json"

    @property
    def config(self) -> Path:
        """The live config, unless `--config` names another."""
        return self.root / "config.toml"

    @property
    def store(self) -> Path:
        """Releases and blobs by digest."""
        return self.root / "store"

    @property
    def queue(self) -> Path:
        """The outbound queue."""
        return self.root / "sync_queue.db"

    @property
    def env(self) -> Path:
        """KEY=VALUE lines (0600): values for `${VAR}`, before those of the process's environment."""
        return self.root / "env"

    @property
    def secrets(self) -> Path:
        """Files for `${file:…}`, if they are to lie here: of this directory alone the config may name any."""
        return self.root / "secrets"

    @property
    def socket(self) -> Path:
        """Where the running agent takes commands of its owner."""
        return self.root / "agent.sock"

    @property
    def update_lock(self) -> Path:
        """What an application locks (flock) so that no update interrupts it."""
        return self.root / "update.lock"

    @property
    def hooks(self) -> Path:
        """Which programs run before and after a change: the device's own, no release writes it."""
        return self.root / "hooks.toml"

    @property
    def lock(self) -> Path:
        """Held by the running agent: there is never a second one on this state."""
        return self.root / "lock"


def environment_of(path: Path, process: Mapping[str, str]) -> dict[str, str]:
    """The process's environment with the `env` file's lines over it; EnvFileError names a line that is neither."""
    found = dict(process)
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except FileNotFoundError:
        return found
    except (OSError, UnicodeDecodeError) as why:
        raise EnvFileError(f"{path}: cannot be read: {why}") from None
    for number, line in enumerate(lines, start=1):
        text = line.strip()
        if not text or text.startswith("#"):
            continue
        key, equals, value = text.removeprefix("export ").partition("=")
        if not equals or not key.strip().isidentifier():
            raise EnvFileError(f"{path}: line {number} is no KEY=VALUE")
        found[key.strip()] = _unquoted(value.strip())
    return found


def _unquoted(value: str) -> str:
    if len(value) >= 2 and value[0] == value[-1] and value[0] in "'\"":
        return value[1:-1]
    return value
