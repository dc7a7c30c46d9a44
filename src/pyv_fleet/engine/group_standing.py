"""How members do with the values that they were given, by their own word."""

from __future__ import annotations

from collections.abc import Iterable

from sqlalchemy.ext.asyncio import AsyncConnection

from pyv_fleet.core.words import MemberStanding
from pyv_fleet.engine.goldens import Goldens, Look, committed_of, failed_at
from pyv_fleet.store import status
from pyv_fleet.store.groups import MemberRecord
from pyv_fleet.store.status import Known
from pyvorin_edge.drift import lags
from pyvorin_edge.vocabulary import Connectivity, HealthStatus, Phase, WaitingFor

OWN_TIME = (WaitingFor.WINDOW, WaitingFor.LOCK, WaitingFor.TURN)
"""What a device waits for as it was told to: nobody can say how long."""


async def standings(
    connection: AsyncConnection, goldens: Goldens, rows: Iterable[MemberRecord], now_ms: int
) -> dict[str, MemberStanding]:
    """The standing of each of these, by device id."""
    by_id = {row.device_id: row for row in rows}
    known = await status.get_many(connection, by_id)
    look = await goldens.look_at(connection, list(known.values()), now_ms)
    return {device_id: standing_of(by_id[device_id], one, look) for device_id, one in known.items()}


def standing_of(row: MemberRecord, known: Known, look: Look) -> MemberStanding:
    """Offline when it was given the values, and not back since: deferred. Good only by its own word: it has this
    assignment, settled on its target, and is healthy."""
    device, said = known
    heard = said.epoch == device.epoch and said.number >= device.number
    if row.excused or (not row.online and not heard):
        return MemberStanding.DEFERRED
    target = look.target(known)
    if target is not None and failed_at(said, target):
        return MemberStanding.FAILED
    settled = said.phase is Phase.SETTLED and not lags(committed_of(said), target)
    if not heard or not settled:
        return MemberStanding.LOST if said.connectivity is Connectivity.LOST else MemberStanding.APPLYING
    if said.health_status is HealthStatus.UNHEALTHY:
        return MemberStanding.UNHEALTHY
    sound = said.health_status in (HealthStatus.HEALTHY, HealthStatus.DEGRADED)
    online = said.connectivity is Connectivity.ONLINE
    return MemberStanding.COMMITTED if sound and online else MemberStanding.APPLYING


def waits_as_told(known: Known) -> bool:
    """Whether it waits for its window, its lock or its turn."""
    return known.status.waiting_for in OWN_TIME
