"""Which code the launcher starts: a bundle's or the installed one (PROTOCOL 5, rules 4 and 6). Standard library alone.

The launcher runs before any code that a release brought, and must outlive all of it. Code on trial is started at most
three times without its own word that it is up; the fourth start runs what was good before. If even that does not start,
the installed agent runs, so that the fleet can still be reached.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, NamedTuple

#: the start that runs the code on trial no more (rule 6)
STARTS_MAX: Final = 4
#: in the place of a slot's name: the code that the package installed
INSTALLED: Final = "installed"


class Fell(NamedTuple):
    """Code that was given up."""

    slot: str
    starts: int
    #: of them within the machine's same boot
    starts_same_boot: int
    #: because the disk is so full that its starts could not be counted any more
    full: bool = False


class Launch(NamedTuple):
    """What the launcher remembers; slots by name, or INSTALLED."""

    #: proved itself
    good: str = INSTALLED
    #: none = nothing is on trial
    trial: str | None = None
    #: since the agent last said that it is up
    starts: int = 0
    starts_same_boot: int = 0
    machine_boot_id: str = ""
    #: given up, and not yet looked at by an agent
    fallen: Fell | None = None

    @property
    def slot(self) -> str:
        """The slot in force."""
        if self.trial is not None:
            return self.trial
        rescued = self.fallen is not None and self.fallen.slot == self.good
        return INSTALLED if rescued else self.good


def started(launch: Launch, machine_boot_id: str, starts_whole: Callable[[str], bool]) -> tuple[Launch, str]:
    """One start: what to remember before it, and the slot to run. `starts_whole`: its files are there.

    Code that proved itself once and was given up is tried anew when the machine was restarted meanwhile.
    """
    if launch.fallen is not None and launch.fallen.slot == launch.good and machine_boot_id != launch.machine_boot_id:
        launch = launch._replace(fallen=None, starts=0, starts_same_boot=0)
    while (slot := launch.slot) != INSTALLED:
        counted = _counted(launch, machine_boot_id)
        if starts_whole(slot) and counted.starts < STARTS_MAX:
            return counted, slot
        launch = _given_up(counted, slot)
    # of the installed code no starts are counted, but while it is on trial: then a bundle stands behind it
    if launch.trial == INSTALLED and launch.good != INSTALLED:
        counted = _counted(launch, machine_boot_id)
        if counted.starts < STARTS_MAX:
            return counted, INSTALLED
        return started(_given_up(counted, INSTALLED), machine_boot_id, starts_whole)
    return launch, INSTALLED


def tried(launch: Launch, slot: str, good: str) -> Launch:
    """`slot` is put in force; with another `good` it is on trial until it is established. Said again, no change."""
    if slot == good:
        return established(slot)
    if (launch.trial, launch.good) == (slot, good):
        return launch
    return Launch(good=good, trial=slot)


def given_up_uncounted(launch: Launch) -> Launch:
    """Its starts can no longer be counted, for the disk is full: what is on trial must not be started again."""
    if launch.trial is None:
        return launch
    given_up = _given_up(launch, launch.trial)
    return given_up._replace(fallen=Fell(launch.trial, launch.starts, launch.starts_same_boot, full=True))


def established(slot: str) -> Launch:
    """It proved itself, or is back: no starts are counted."""
    return Launch(good=slot)


def _counted(launch: Launch, machine_boot_id: str) -> Launch:
    same = machine_boot_id == launch.machine_boot_id
    return launch._replace(
        starts=launch.starts + 1,
        starts_same_boot=launch.starts_same_boot + 1 if same else 1,
        machine_boot_id=machine_boot_id,
    )


def _given_up(launch: Launch, slot: str) -> Launch:
    fell = Fell(slot, launch.starts, launch.starts_same_boot)
    return launch._replace(trial=None, starts=0, starts_same_boot=0, fallen=fell)
