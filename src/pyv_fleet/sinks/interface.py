"""What the engine wants of a sink. A new kind of receiver is one more file here, and its section in the settings."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

import msgspec

from pyv_fleet.core.notifying import Notification, ToldAlert
from pyv_fleet.core.words import Severity


class NotTaken(Exception):
    """A receiver did not take it; the message says why, without any secret. `for_good`: it never will take this one."""

    def __init__(self, why: str, *, for_good: bool = False) -> None:
        super().__init__(why)
        self.for_good = for_good


class Letter(msgspec.Struct, frozen=True, kw_only=True):
    """A notification on its way. Sent again under the same id, so that a receiver can drop the repetition."""

    id: str
    #: the fleet's name
    fleet: str
    #: Unix ms
    made_at: int
    #: of this try, Unix ms
    sent_at: int
    notification: Notification


class Sink(Protocol):
    """A receiver of notifications."""

    @property
    def name(self) -> str:
        """As the settings call it."""

    @property
    def least(self) -> Severity:
        """It is told alerts of this severity and graver ones."""

    @property
    def place(self) -> str:
        """Where it is, for people: no path, no login, no secret."""

    async def send(self, letter: Letter) -> None:
        """Within its own time limit; NotTaken."""


class Mirror(Protocol):
    """A receiver that keeps the state of alerts itself, and wants all that hold again and again."""

    @property
    def name(self) -> str:
        """As the settings call it."""

    @property
    def least(self) -> Severity:
        """It is told alerts of this severity and graver ones."""

    @property
    def place(self) -> str:
        """Where it is, for people."""

    @property
    def every_seconds(self) -> int:
        """How often it wants them."""

    async def show(self, fleet: str, alerts: Sequence[ToldAlert], now_ms: int) -> None:
        """These hold, or ended lately; NotTaken."""
