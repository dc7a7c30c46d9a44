"""Where the link's messages go: words of devices to the intake, answers to requests, directives to publishing."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from typing import Final

from pyv_fleet.engine.intake import Intake, Monotonic
from pyv_fleet.engine.presence import Presences
from pyv_fleet.engine.publishing import Publishing
from pyv_fleet.engine.requests import Requests
from pyv_fleet.link.interface import Incoming
from pyvorin_edge import topics

log = logging.getLogger(__name__)

#: NTP slews below this; beyond, the clock was set
STEP_MS: Final = 2000.0


class Steps:
    """Tells of each step of the wall clock, or sleep of the machine, once: what was counted over it did not pass."""

    def __init__(self, clock: Callable[[], int], monotonic: Monotonic) -> None:
        self._clock = clock
        self._monotonic = monotonic
        self._apart = self._distance()

    def stepped(self) -> bool:
        """Whether the clocks have moved apart since the last question."""
        before, self._apart = self._apart, self._distance()
        return abs(self._apart - before) > STEP_MS

    def _distance(self) -> float:
        return self._clock() - self._monotonic() * 1000


class Ear:
    """Since when the controller hears its fleet."""

    def __init__(self, clock: Callable[[], int], monotonic: Monotonic) -> None:
        self._clock = clock
        self._steps = Steps(clock, monotonic)
        self._since = 0
        self.open = False

    def opened(self) -> None:
        """From now on."""
        self._since = self._clock()
        self.open = True

    def closed(self) -> None:
        """Not any more."""
        self.open = False

    def since(self) -> int:
        """Unix ms of the last opening; the present moment while it is closed: nobody's silence counts then."""
        self._heed_steps()
        return self._since if self.open else self._clock()

    def since_or_none(self) -> int | None:
        """Unix ms; none while it is closed."""
        self._heed_steps()
        return self._since if self.open else None

    def _heed_steps(self) -> None:
        """A clock that was put forward by an hour must not make a whole fleet lost: listening begins anew."""
        if self._steps.stepped():
            log.warning("the clock was stepped, or the machine slept: silence counts from now on")
            self._since = self._clock()


class Reception:
    """A link's `Receiver`."""

    def __init__(
        self,
        intake: Intake,
        requests: Requests,
        publishing: Publishing,
        presences: Presences,
        ear: Ear,
        monotonic: Monotonic,
    ) -> None:
        self._intake = intake
        self._requests = requests
        self._publishing = publishing
        self._presences = presences
        self._ear = ear
        self._monotonic = monotonic
        self._tasks: set[asyncio.Task[None]] = set()

    def received(self, message: Incoming) -> None:
        """A message came."""
        parsed = topics.parse(message.topic)
        match None if parsed is None else parsed.kind:
            case topics.Kind.CHANNEL if parsed is not None:
                self._publishing.heard(parsed.name, message.payload)
                message.acknowledge()
            case topics.Kind.RESPONSE if parsed is not None:
                self._start(parsed.name, message)
            case _:
                self._intake.received(message)

    def connected(self) -> None:
        """The link stands."""
        self._presences.link_up(self._monotonic())
        self._ear.opened()
        self._publishing.connected()

    def disconnected(self) -> None:
        """The link broke."""
        self._presences.link_down()
        self._ear.closed()

    def _start(self, device_id: str, message: Incoming) -> None:
        task = asyncio.create_task(self._answered(device_id, message))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _answered(self, device_id: str, message: Incoming) -> None:
        try:
            await self._requests.answered(device_id, message.payload)
        except Exception:
            log.exception("the answer of %s could not be stored", device_id)
        message.acknowledge()
