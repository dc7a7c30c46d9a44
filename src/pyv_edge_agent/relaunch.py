"""Whose code this process runs, and how it gives way to another: it becomes the launcher again, in one process."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Sequence
from typing import Final

from pyv_edge_agent.core.launching import INSTALLED

#: the slot that runs; set by the launcher
SLOT_VARIABLE: Final = "PYV_EDGE_SLOT"
#: the command that starts all anew, as JSON
AGAIN_VARIABLE: Final = "PYV_EDGE_LAUNCH"
#: PYTHONPATH as it was before a slot's code came first
PATH_BEFORE_VARIABLE: Final = "PYV_EDGE_PATH_BEFORE"
_OF_THE_SLOT: Final = (SLOT_VARIABLE, "PYTHONPATH", "PYTHONDONTWRITEBYTECODE")


def running_code() -> str:
    """The slot whose code this process runs."""
    return os.environ.get(SLOT_VARIABLE, INSTALLED)


def again() -> list[str] | None:
    """The command by which the launcher starts all anew; none = this process was not started by it."""
    said = os.environ.get(AGAIN_VARIABLE)
    return None if said is None else list(json.loads(said))


def start_again(command: Sequence[str]) -> None:
    """Become the launcher, which picks the code that is in force now. Does not return; everything must be closed."""
    environment = {name: value for name, value in os.environ.items() if name not in _OF_THE_SLOT}
    before = environment.pop(PATH_BEFORE_VARIABLE, os.environ.get("PYTHONPATH", ""))
    if before:
        environment["PYTHONPATH"] = before
    sys.stdout.flush()
    sys.stderr.flush()
    os.execve(command[0], list(command), environment)
