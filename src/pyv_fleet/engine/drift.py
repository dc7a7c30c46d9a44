"""Drift seen close, and back: golden against live by key path, and the applied config written over the live one."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from typing import Any, Final

from msgspec.structs import replace

from pyv_fleet.core.views import DeviceDrift, DeviceOutcome, DriftDiff, DriftReport, DriftView, RemediateBody
from pyv_fleet.core.words import ActOutcome
from pyv_fleet.engine.adopting import Adoptions
from pyv_fleet.engine.assignments import Assignments
from pyv_fleet.engine.audit import AuditLog
from pyv_fleet.engine.devices import drift_view
from pyv_fleet.engine.drift_documents import Documents
from pyv_fleet.engine.drift_ignores import DriftIgnores
from pyv_fleet.engine.drift_report import DriftReports
from pyv_fleet.engine.drift_sources import Sources
from pyv_fleet.engine.errors import FleetError, NotFound
from pyv_fleet.engine.goldens import Goldens
from pyv_fleet.engine.ground import Ground
from pyv_fleet.engine.groups import Groups
from pyv_fleet.engine.orders import Orders
from pyv_fleet.engine.requests import Requests
from pyv_fleet.store import status
from pyv_fleet.store.status import Filter, Known
from pyvorin_edge.config.layers import merge_patch
from pyvorin_edge.config.redaction import redact, shown_at
from pyvorin_edge.drift import differing_paths
from pyvorin_edge.orders import Target
from pyvorin_edge.vocabulary import ResponseOutcome, Standing, Verb

AT_ONCE: Final = 100
_DRIFTED: Final = (Standing.DRIFTED, Standing.BOTH)
_ACTS: Final = {
    ResponseOutcome.DONE: ActOutcome.REMEDIATED,
    ResponseOutcome.REFUSED: ActOutcome.REFUSED,
    ResponseOutcome.FAILED: ActOutcome.FAILED,
}


class Drift:
    """Asks devices for what they run, and to go back to what was applied."""

    def __init__(
        self,
        ground: Ground,
        goldens: Goldens,
        requests: Requests,
        orders: Orders,
        assignments: Assignments,
        groups: Groups,
        audit: AuditLog,
    ) -> None:
        self._documents = Documents(ground, requests)
        self.ignores = DriftIgnores(ground, orders, groups, audit)
        self.reports = DriftReports(ground, goldens)
        self.adoptions = Adoptions(ground, goldens, self._documents, assignments, audit)
        self._ground = ground
        self._goldens = goldens
        self._requests = requests
        self._audit = audit

    async def of(self, device_id: str) -> DeviceDrift:
        """One device's drift; `diffs` empty if it does not answer in 5 s or golden is unknown. NotFound."""
        async with self._ground.database.read() as connection:
            known = await status.get(connection, device_id)
            if known is None:
                raise NotFound("no such device", f"{device_id!r} is not enrolled")
            look = await self._goldens.look_at(connection, [known], self._ground.clock())
        return DeviceDrift(drift=drift_view(known, look), diffs=await self._diffs(known, look.target(known)))

    async def every(self, channel: str | None = None, labels: Mapping[str, str] | None = None) -> list[DriftView]:
        """Drift of every device that matches and drifted, also those that lag besides."""
        wanted = Filter(channel=channel, labels=dict(labels or {}), standings=_DRIFTED)
        async with self._ground.database.read() as connection:
            found = await status.find(connection, wanted)
            look = await self._goldens.look_at(connection, found, self._ground.clock())
        return [drift_view(known, look) for known in found]

    async def report(self, channel: str | None = None, labels: Mapping[str, str] | None = None) -> DriftReport:
        """Drift and lag of the devices that match, in sums."""
        return await self.reports.of(Filter(channel=channel, labels=dict(labels or {})))

    async def remediate(self, body: RemediateBody, actor: str) -> tuple[DeviceOutcome, ...]:
        """Ask each device named, or all that drifted; one outcome each, in order. NotFound for an unknown name."""
        known = await self._chosen(body.device_ids)
        async with self._ground.database.begin() as connection:
            await self._audit.record(
                connection,
                actor=actor,
                act="drift.remediate",
                subject=", ".join(body.device_ids[:20]) or "all drifted devices",
                reason=body.reason,
            )
        limit = asyncio.Semaphore(AT_ONCE)
        return tuple(await asyncio.gather(*(self._remediate(one, actor, limit) for one in known)))

    async def _diffs(self, known: Known, target: Target | None) -> tuple[DriftDiff, ...]:
        found = await self._documents.base(None if target is None else target.release)
        live = None if found is None else await self._documents.live(known.device.device_id)
        if found is None or live is None:
            return ()
        record, base = found
        golden = redact(merge_patch(base, known.device.overlay))
        applied = await self._documents.applied(known)
        diffs = diffs_between(golden, applied, live.document, known.status.drift_paths)
        async with self._ground.database.read() as connection:
            sources = Sources(connection, known.device, record)
            return tuple(
                [one if one.golden is None else replace(one, source=await sources.of(one.pointer)) for one in diffs]
            )

    async def _chosen(self, device_ids: Sequence[str]) -> list[Known]:
        async with self._ground.database.read() as connection:
            if not device_ids:
                return await status.find(connection, Filter(standings=_DRIFTED))
            found = await status.get_many(connection, device_ids)
        missing = [device_id for device_id in device_ids if device_id not in found]
        if missing:
            raise NotFound("no such device", ", ".join(missing))
        return [found[device_id] for device_id in dict.fromkeys(device_ids)]

    async def _remediate(self, known: Known, actor: str, limit: asyncio.Semaphore) -> DeviceOutcome:
        device_id, said = known.device.device_id, known.status
        if said.standing not in _DRIFTED:
            return DeviceOutcome(device_id=device_id, outcome=ActOutcome.UNCHANGED, detail="it has not drifted")
        try:
            async with limit:
                args = {"live_hash": said.live_hash}
                answer = await self._requests.ask(device_id, Verb.REMEDIATE, args, actor)
        except FleetError as why:
            return DeviceOutcome(device_id=device_id, outcome=ActOutcome.FAILED, detail=str(why))
        outcome = _ACTS[answer.outcome]
        detail = answer.body.get("detail", answer.code.sentence if answer.code else "")
        return DeviceOutcome(device_id=device_id, outcome=outcome, detail=str(detail)[:500])


def diffs_between(golden: Any, applied: Any, live: Any, reported: Sequence[str]) -> tuple[DriftDiff, ...]:
    """Where three redacted documents differ, and where the device says it drifted though redaction hides it.

    `applied` none = not known.
    """
    lagging = () if applied is None else differing_paths(golden, applied)
    return tuple(
        DriftDiff(
            pointer=pointer,
            golden=shown_at(golden, pointer),
            applied=shown_at(applied, pointer),
            live=shown_at(live, pointer),
        )
        for pointer in sorted({*differing_paths(golden, live), *lagging, *reported})
    )
