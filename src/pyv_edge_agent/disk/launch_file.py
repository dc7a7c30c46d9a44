"""What the launcher remembers, on disk, and which slots bring code of their own."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Final

from pyv_edge_agent.core.launching import INSTALLED, Fell, Launch
from pyv_edge_agent.disk.atomic import DiskError, read_bytes, write_durably
from pyv_edge_agent.disk.ballast import relieved

#: in the state directory
LAUNCH_FILE: Final = "launch"
BUNDLES: Final = Path("store", "bundles")
#: where a bundle keeps an agent: first on its path
SITE: Final = "site"
#: a name in the store, and never a way out of it
_SLOT: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,127}")


def read_launch(state: Path) -> Launch:
    """What is remembered; a file that cannot be understood counts as none, and the installed code is good."""
    try:
        said = json.loads(read_bytes(state / LAUNCH_FILE) or b"{}")
        fell = said.pop("fallen", None)
        found = Launch(**said, fallen=Fell(*fell) if fell else None)
    except (DiskError, ValueError, TypeError, AttributeError, RecursionError):
        return Launch()
    return found if _is_sound(found) else Launch()


def write_launch(state: Path, launch: Launch) -> None:
    """Durable when this returns; nothing is written if it stands so already. DiskError."""
    if read_launch(state) != launch:
        data = json.dumps(launch._asdict()).encode()
        relieved(state, lambda: write_durably(state / LAUNCH_FILE, data))


def slot_directory(state: Path, slot: str) -> Path:
    """Where a bundle lies, unpacked."""
    return state / BUNDLES / slot


def _is_sound(launch: Launch) -> bool:
    """Whether every field is what it should be: the launcher imports nothing that would check it."""
    fell = launch.fallen
    slots = [launch.good, *([] if launch.trial is None else [launch.trial]), *([] if fell is None else [fell.slot])]
    counts = [launch.starts, launch.starts_same_boot, *([] if fell is None else [fell.starts, fell.starts_same_boot])]
    return (
        all(isinstance(slot, str) and _SLOT.fullmatch(slot) for slot in slots)
        and all(isinstance(count, int) and count >= 0 for count in counts)
        and isinstance(launch.machine_boot_id, str)
        and (fell is None or isinstance(fell.full, bool))
    )


def code_of(state: Path, slot: str) -> str:
    """The slot whose code runs while this one is in force: a bundle without an agent runs on the installed one."""
    whole = slot != INSTALLED and (slot_directory(state, slot) / SITE / "pyv_edge_agent" / "__main__.py").is_file()
    return slot if whole else INSTALLED
