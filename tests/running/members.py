"""Devices of a bench that obey what the broker holds for them, well or badly, when told to speak."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from pyv_fleet.core.views import DeviceView
from pyvorin_edge import topics
from pyvorin_edge.envelope import open_envelope
from pyvorin_edge.identity import Digest
from pyvorin_edge.orders import Assignment, decode_order, overlay_digest
from pyvorin_edge.report import Result, Running
from pyvorin_edge.vocabulary import Outcome, Phase
from running.bench import Bench, said


@dataclass
class Members:
    """Some enrolled devices; each says what it obeys of its assignment and the release that its channel has."""

    place: Bench
    release: str
    seqs: dict[str, int] = field(default_factory=dict)

    async def enrol(self, *device_ids: str, **labels: str) -> None:
        for device_id in device_ids:
            await self.place.enrol(device_id, token=await self.place.token(labels=labels))

    def told(self, device_id: str) -> Assignment:
        """What the broker holds for it."""
        return decode_order(open_envelope(self.place.ledger.retained[topics.assignment(device_id)]).payload, Assignment)

    async def obey(self, *device_ids: str, outcome: Outcome = Outcome.COMMITTED, **facts: Any) -> None:
        """They report that they tried what they are told, with this outcome."""
        for device_id in device_ids:
            order = self.told(device_id)
            seq = self.seqs[device_id] = self.seqs.get(device_id, 0) + 1
            pin = order.pin.release if order.pin is not None else Digest(self.release)
            tried = {"release": pin, "overlay": overlay_digest(order.overlay), "outcome": outcome}
            result = Result(**tried, attempt=1, code=None, detail="", at=0)
            running = Running(release=pin, version=None, config_hash=None, effective_hash=None, form="sorted-json-1")
            terms = {"phase": Phase.SETTLED, "result": result, "running": running, "number": order.number, **facts}
            await self.place.heard(said(device_id, seq=seq, epoch=order.epoch, **terms))

    async def shown(self, device_id: str) -> DeviceView:
        """As the API shows it."""
        return await self.place.desk.device(device_id)

    async def tick(self, seconds: float = 0) -> None:
        """The groups' steps, so much later."""
        self.place.time.forward(seconds)
        await self.place.engine.group_steps.tick()
