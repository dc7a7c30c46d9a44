"""Where the demo's parts stand: folders below `.demo`, loopback addresses and ports."""

from __future__ import annotations

import fcntl
import os
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from pyv_fleet.demo.places import HEALTH_PORT, Places

PREFERRED_API_PORT: Final = 8443
PREFERRED_PAGE_PORT: Final = 8090
PREFERRED_MQTT_PORT: Final = 8883
LOCK: Final = "lock"
#: all that a demo makes in its folder
LEFT_BEHIND: Final = frozenset(
    (
        "agents",
        "config-1.0.toml",
        "controller",
        "demo.json",
        "log",
        "operator",
        "simulated",
        "token-real",
        "token-simulated",
    )
)


@dataclass(frozen=True)
class Seat:
    """One real agent's place: its serial, state directory and health address."""

    serial: str
    state_dir: Path
    health_host: str
    health_port: int = HEALTH_PORT

    @property
    def base_url(self) -> str:
        """Where its health server answers."""
        return f"http://{self.health_host}:{self.health_port}"

    @property
    def health_url(self) -> str:
        """Where its `/health` answers."""
        return f"{self.base_url}/health"


@dataclass(frozen=True)
class Stage:
    """All places of one demo."""

    root: Path
    api_port: int
    page_port: int
    mqtt_port: int
    seats: tuple[Seat, ...]

    @property
    def controller_dir(self) -> Path:
        """The controller's home."""
        return self.root / "controller"

    @property
    def operator_dir(self) -> Path:
        """The operator's home: context, keys, token."""
        return self.root / "operator"

    @property
    def page_url(self) -> str:
        """The live page, plain HTTP on loopback."""
        return f"http://127.0.0.1:{self.page_port}/"

    @property
    def api_url(self) -> str:
        """The API over TLS."""
        return f"https://127.0.0.1:{self.api_port}"


class StageTaken(Exception):
    """Another demo runs in this folder."""


def claim(root: Path) -> Path:
    """Make the folder this demo's own and clear what an earlier one left; StageTaken while that still runs.

    The lock is the kernel's: it goes with the process, however that ends.
    """
    root.mkdir(mode=0o700, parents=True, exist_ok=True)
    lock = os.open(root / LOCK, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        os.close(lock)
        raise StageTaken(f"a demo runs in {root} already: end it, or give --dir another folder") from None
    others = [path for path in root.iterdir() if path.name != LOCK]
    strangers = [path.name for path in others if path.name not in LEFT_BEHIND]
    if strangers:
        os.close(lock)
        raise StageTaken(f"{root} holds {strangers[0]!r}, which no demo made: give --dir an empty folder")
    for path in others:
        shutil.rmtree(path) if path.is_dir() else path.unlink()
    return root


def set_stage(root: Path, real: int, places: Places) -> Stage:
    """Choose free ports and, for each real agent, a loopback address whose port 8080 is free."""
    api, page, mqtt = (places.port(wanted) for wanted in (PREFERRED_API_PORT, PREFERRED_PAGE_PORT, PREFERRED_MQTT_PORT))
    seats = tuple(
        Seat(f"demo-{index}", root / "agents" / f"demo-{index}", host)
        for index, host in enumerate(places.hosts(real), start=1)
    )
    return Stage(root, api, page, mqtt, seats)
