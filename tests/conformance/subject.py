"""What the device's rules (PROTOCOL 5) are asked of: any device, seen from outside.

A subject is known by what it writes to its disk and what it says; no test reaches further in. Waiting is
`until(condition)`: a core moves its own time, a real agent is waited for.
"""

from __future__ import annotations

import enum
from collections.abc import Callable, Mapping
from typing import Any, Protocol, TypeVar

from pyvorin_edge.report import Join, Report, Response
from pyvorin_edge.vocabulary import HookMoment, HookReason, Phase


class Able(enum.StrEnum):
    """What not every subject can be made to do; a test that needs it is skipped for the others."""

    #: hours pass when told to, and the clock may be wrong or unsynchronised
    TIME = "time"
    #: the machine, not only the agent, is restarted
    REBOOT = "reboot"
    #: the disk refuses to write
    FULL_DISK = "full-disk"
    #: it has sessions with its fleet, which may end, and reports by itself
    NETWORK = "network"
    #: every topic of the broker reaches it: requests, and orders that are not retained, or of others
    TOPICS = "topics"
    #: bundles are to be had, some of whose code does not start, or does not reach its fleet
    BUNDLES = "bundles"
    #: applications at the device hold its update lock, and it has hooks
    GUARDS = "guards"
    #: it starts so fast that every variation of a question may be asked
    VARIATIONS = "variations"


Test = TypeVar("Test", bound=Callable[..., None])


def needs(*able: Able) -> Callable[[Test], Test]:
    """A test that only some subjects can be put to; for the others it is skipped before anything is started."""

    def marked(test: Test) -> Test:
        test.needs = able  # type: ignore[attr-defined]
        return test

    return marked


class Carrier(Protocol):
    """The broker between fleet and device."""

    def publish(self, topic: str, payload: bytes, *, retain: bool) -> None:
        """Send, as anybody with a place on the broker could."""

    def now_ms(self) -> int:
        """The fleet's clock, Unix ms."""


class Subject(Protocol):
    """One device. It is made stopped, with an empty state directory and a network that works."""

    able: frozenset[Able]
    device_id: str
    #: the fleet's address in the link of its enrolment, and another one where nobody answers yet
    address: str
    other_address: str
    #: how long its link may try (Limits.reach_seconds), as it was told
    reach_seconds: float

    def config(self, changes: Mapping[str, Any]) -> bytes:
        """A config file in TOML that this device can run: its own least config with these top-level sections."""

    def provision(self, join: Join, live: bytes, environment: Mapping[str, str]) -> None:
        """Lay the state directory ready, as enrolment does."""

    def start(self) -> None:
        """Start the agent."""

    def kill(self) -> None:
        """End it at once, as kill -9 or a power cut does."""

    def reboot(self) -> None:
        """Kill it, and start it within another start of the machine (Able.REBOOT)."""

    def disconnect(self) -> None:
        """Take its network away."""

    def connect(self) -> None:
        """Give it back."""

    def answer_at(self, address: str, answers: bool) -> None:
        """Whether the fleet answers at an address; what is connected there is cut when it no longer does."""

    def until(self, condition: Callable[[], bool], what: str, within_seconds: float = 60.0) -> None:
        """Wait until the condition holds; fail with `what` if it does not in time."""

    def idle(self, seconds: float) -> None:
        """Let time pass. A subject that cannot move time lets so much pass as shows what would happen at once."""

    def set_clock(self, *, synced: bool, ahead_ms: int = 0) -> None:
        """What its clock says (Able.TIME)."""

    def fill_disk(self, full: bool) -> None:
        """Whether its store refuses to write (Able.FULL_DISK)."""

    def crash(self, slot: str) -> None:
        """The code in this bundle ends at once when it is started (Able.BUNDLES)."""

    def deafen(self, slot: str) -> None:
        """Under this bundle the network is not reached (Able.BUNDLES)."""

    def spoil(self, slot: str) -> None:
        """This bundle does not pass verification (Able.BUNDLES)."""

    def lose(self, slot: str) -> None:
        """The files of this bundle are deleted on the device (Able.BUNDLES)."""

    def runs_bundle(self, slot: str) -> bool:
        """Whether it runs the code of this bundle (Able.BUNDLES)."""

    def cut_at(self, phase: Phase) -> None:
        """Its network goes once its update is in this phase (Able.BUNDLES)."""

    def hold_lock(self, held: bool) -> None:
        """An application takes the update lock, or lets it go (Able.GUARDS)."""

    def end_hooks(self, moment: HookMoment, status: int | None) -> None:
        """How its hooks of this moment end from now on; none = they run until this is called again (Able.GUARDS)."""

    def hooked(self) -> list[tuple[HookMoment, HookReason]]:
        """The hooks that have run, or run now, in order; after a power cut one may stand here again."""

    def edit(self, data: bytes | None) -> None:
        """Somebody edits the live config file, or removes it."""

    def edit_unseen(self, data: bytes) -> None:
        """The same, and nobody tells the agent of it (Able.TIME)."""

    def live(self) -> bytes | None:
        """The live config file."""

    def durable(self) -> Mapping[str, bytes]:
        """The files of rule 3, by name."""

    def roll_back_by_hand(self, version: str) -> None:
        """`OTAUpdater.rollback_to`."""

    def reports(self) -> list[Report]:
        """All that it reported, oldest first."""

    def responses(self) -> list[Response]:
        """All its answers to requests, oldest first."""
