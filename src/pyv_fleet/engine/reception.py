"""Where the link's messages go: words of devices to the intake, answers to requests, directives to publishing."""

from __future__ import annotations

import asyncio
import logging

from pyv_fleet.engine.ground import Ground
from pyv_fleet.engine.intake import Intake, Monotonic
from pyv_fleet.engine.presence import Presences
from pyv_fleet.engine.publishing import Publishing
from pyv_fleet.engine.requests import Requests
from pyv_fleet.link.interface import Incoming
from pyvorin_edge import topics

log = logging.getLogger(__name__)


class Ear:
    """Since when the controller hears its fleet."""

    def __init__(self, ground: Ground) -> None:
        self._ground = ground
        self._since = 0
        self.open = False

    def opened(self) -> None:
        """From now on."""
        self._since = self._ground.clock()
        self.open = True

    def closed(self) -> None:
        """Not any more."""
        self.open = False

    def since(self) -> int:
        """Unix ms of the last opening; the present moment while it is closed: nobody's silence counts then."""
        return self._since if self.open else self._ground.clock()

    def since_or_none(self) -> int | None:
        """Unix ms; none while it is closed."""
        return self._since if self.open else None


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
