"""The parts of a device's shell that tests put together by hand: real files, no network."""

from __future__ import annotations

from pathlib import Path

from pyv_edge_agent.core.launching import INSTALLED
from pyv_edge_agent.delivery import Route
from pyv_edge_agent.disk.bundles import BundleSlots
from pyv_edge_agent.disk.code import CodeInForce
from pyv_edge_agent.disk.journal import Journal
from pyv_edge_agent.disk.live import LiveFile
from pyv_edge_agent.disk.slots import Slots
from pyv_edge_agent.link.interface import Credentials, Passport
from pyv_edge_agent.performer import Disk

NO_ROUTE = Route(
    passport=lambda: Passport(Credentials(Path("none"), Path("none")), ""),
    bytes_per_second=lambda: 0,
)


def a_disk(root: Path, *, running: str = INSTALLED, journal: Journal | None = None) -> Disk:
    """What an updater remembers by, in `root` as the agent lays it out."""
    code = CodeInForce(root, BundleSlots(root), running)
    return Disk(journal or Journal(root), Slots(root / "store"), LiveFile(root / "config.toml"), code)
