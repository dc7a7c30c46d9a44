"""Drift seen close, and back: golden against live by key path, and the applied config written over the live one."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any, Final

from pyv_fleet.core.views import DeviceDrift, DeviceOutcome, DriftDiff, RemediateBody
from pyv_fleet.core.words import ActOutcome
from pyv_fleet.engine.audit import AuditLog
from pyv_fleet.engine.devices import drift_view
from pyv_fleet.engine.errors import FleetError, NotFound
from pyv_fleet.engine.goldens import Goldens
from pyv_fleet.engine.ground import Ground
from pyv_fleet.engine.requests import Requests
from pyv_fleet.store import releases, status
from pyv_fleet.store.status import Filter, Known
from pyvorin_edge.config.formats import parse
from pyvorin_edge.config.layers import render
from pyvorin_edge.config.problem import ConfigError
from pyvorin_edge.config.redaction import redact, shown_at
from pyvorin_edge.drift import differing_paths
from pyvorin_edge.orders import Target
from pyvorin_edge.vocabulary import ResponseOutcome, Standing, Verb

SNAPSHOT_SECONDS: Final = 5.0
AT_ONCE: Final = 100
_DRIFTED: Final = (Standing.DRIFTED, Standing.BOTH)
_ACTS: Final = {
    ResponseOutcome.DONE: ActOutcome.REMEDIATED,
    ResponseOutcome.REFUSED: ActOutcome.REFUSED,
    ResponseOutcome.FAILED: ActOutcome.FAILED,
}


class Drift:
    """Asks devices for what they run, and to go back to what was applied."""

    def __init__(self, ground: Ground, goldens: Goldens, requests: Requests, audit: AuditLog) -> None:
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
        golden = await self._golden_document(known, look.target(known))
        live = None if golden is None else await self._live_document(device_id)
        diffs = () if golden is None or live is None else diffs_between(golden, live, known.status.drift_paths)
        return DeviceDrift(drift=drift_view(known, look), diffs=diffs)

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

    async def _golden_document(self, known: Known, target: Target | None) -> Any:
        """What the live document should be, secrets redacted; none if it is unknown."""
        if target is None:
            return None
        async with self._ground.database.read() as connection:
            release = await releases.get(connection, target.release)
            blob = None if release is None else await releases.get_blob(connection, release.config_sha256)
        if release is None or blob is None:
            return None
        try:
            return redact(parse(render(blob, release.format, known.device.overlay), release.format))
        except ConfigError:
            return None

    async def _live_document(self, device_id: str) -> Any:
        """What the device runs, as it redacted it; none if it does not say."""
        try:
            answer = await self._requests.ask(device_id, Verb.SNAPSHOT, {}, "controller", wait_seconds=SNAPSHOT_SECONDS)
        except FleetError:
            return None
        found = answer.body.get("config")
        return redact(found) if answer.outcome is ResponseOutcome.DONE and isinstance(found, dict) else None


def diffs_between(golden: Any, live: Any, reported: Sequence[str]) -> tuple[DriftDiff, ...]:
    """Where two redacted documents differ, and where the device says it drifted though redaction hides it."""
    pointers = sorted({*differing_paths(golden, live), *reported})
    return tuple(
        DriftDiff(pointer=pointer, golden=shown_at(golden, pointer), live=shown_at(live, pointer))
        for pointer in pointers
    )
