"""Polls devices' `/health` at addresses that an operator gave, and keeps how it went (PROTOCOL 9)."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field

from pyv_fleet.core.polling import PollAddress, PolledView, after_poll, silent
from pyv_fleet.core.words import PollOutcome
from pyv_fleet.engine.ground import Ground, rfc3339
from pyv_fleet.link.device_http import Answer, PollError, health_document
from pyv_fleet.link.poller import poll_all
from pyv_fleet.store import status
from pyvorin_edge.vocabulary import Connectivity


@dataclass(frozen=True)
class PollPlan:
    """Whom to poll, and how."""

    addresses: Mapping[str, PollAddress] = field(default_factory=dict)
    every_seconds: float = 15.0
    #: for a whole exchange
    timeout_seconds: float = 5.0


class Polls:
    """The last answer of each device, in memory: a restart asks anew."""

    def __init__(self, ground: Ground, plan: PollPlan) -> None:
        self._ground = ground
        self.plan = plan
        self._last: dict[str, PolledView] = {}
        #: since the start, for /metrics
        self.outcomes: Counter[PollOutcome] = Counter()

    async def poll(self) -> None:
        """All of them once, those that are enrolled."""
        async with self._ground.database.read() as connection:
            enrolled = sorted(await status.get_many(connection, self.plan.addresses))
        answers = await poll_all([self.plan.addresses[one] for one in enrolled], seconds=self.plan.timeout_seconds)
        async with self._ground.database.read() as connection:
            known = await status.get_many(connection, enrolled)
        for device_id, answer in zip(enrolled, answers, strict=True):
            now = known.get(device_id)
            online = now is not None and now.status.connectivity is Connectivity.ONLINE
            self._take(device_id, answer, online=online)

    def of(self, device_id: str) -> PolledView | None:
        """How its last poll went; none before the first, and for a device that is not polled."""
        return self._last.get(device_id)

    def address_of(self, device_id: str) -> PollAddress | None:
        """Where an operator says that it is."""
        return self.plan.addresses.get(device_id)

    def _take(self, device_id: str, answer: Answer | PollError, *, online: bool) -> None:
        outcome, detail = _read(answer)
        self.outcomes[outcome] += 1
        before = self._last.get(device_id)
        after = after_poll(before, outcome, detail, rfc3339(self._ground.clock()), online=online)
        self._last[device_id] = after
        if silent(before) != silent(after):
            self._ground.changes.ring("devices")


def _read(answer: Answer | PollError) -> tuple[PollOutcome, str]:
    try:
        if isinstance(answer, PollError):
            raise answer
        document = health_document(answer)
    except PollError as why:
        return PollOutcome(why.failure.value), str(why)[:200]
    return PollOutcome.ANSWERED, f"it says that it is {document['status'][:64]!r}"
