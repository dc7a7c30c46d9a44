"""Releases that are bad on purpose: a sensor named `fault-crash`, `-hang`, `-leak` or `-cut` in a config makes whatever
simulated device runs it crash, hang, leak or lose its network. The real agent's core has to notice by its own means."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

import msgspec

from pyvorin_edge.vocabulary import Word

PREFIX: Final = "fault-"


class Fault(Word):
    """What a simulated device does that runs such a config."""

    CRASH = "crash", "its process ends as soon as the config is in force"
    HANG = "hang", "its process answers nothing from then on, until its watchdog ends it"
    LEAK = "leak", "its memory fills slowly; when it is full, its process is ended"
    CUT = "cut", "it cannot reach its broker any more"


class Surroundings(msgspec.Struct, frozen=True, kw_only=True):
    """What ends and starts a simulated process: a watchdog, a supervisor, the machine's memory."""

    watchdog_seconds: float = 60.0
    restart_seconds: float = 1.0
    leak_percent_per_second: float = 0.5


class Ended(Exception):
    """The simulated process ends; it is started again after so many seconds."""

    def __init__(self, seconds: float) -> None:
        super().__init__(f"ended for {seconds:g} s")
        self.seconds = seconds


def fault_of(sensor_names: Iterable[str]) -> Fault | None:
    """The fault that a config asks for; none for every other config."""
    words = {f"{PREFIX}{fault.value}": fault for fault in Fault}
    return next((words[name] for name in sensor_names if name in words), None)
