"""Releases withdrawn: nothing begins with one any more, what rolls out stops, and who runs it is left as he is.

A trust document's `revoked_releases` is what devices obey; this is what the controller does not order.
"""

from __future__ import annotations

from typing import Final

from sqlalchemy.ext.asyncio import AsyncConnection

from pyv_fleet.core.views import RolloutVerb, YankBody, YankedView
from pyv_fleet.core.words import RolloutAct, RolloutState
from pyv_fleet.engine.audit import AuditLog
from pyv_fleet.engine.errors import Conflict
from pyv_fleet.engine.ground import Ground
from pyv_fleet.engine.interface import RolloutDesk
from pyv_fleet.engine.releases import known_release, view_of
from pyv_fleet.engine.trust_chain import TrustChain
from pyv_fleet.store import devices, releases, rollouts, status
from pyv_fleet.store import orders as directives
from pyv_fleet.store.releases import ReleaseRecord
from pyv_fleet.store.status import Filter

PINNED_MAX: Final = 100
#: so often somebody may start a rollout of it anew while it is being withdrawn
TRIES: Final = 5
#: states in which a rollout opens its next wave by itself
_ON_ITS_WAY: Final = (RolloutState.ROLLING, RolloutState.WAITING)


class Yanks:
    """Withdraws releases, and allows them again."""

    def __init__(self, ground: Ground, trust: TrustChain, audit: AuditLog, running: RolloutDesk) -> None:
        self._ground = ground
        self._trust = trust
        self._audit = audit
        self._rollouts = running

    async def yank(self, ref: str, body: YankBody, actor: str) -> YankedView:
        """Withdrawn, after its running rollouts were paused; or allowed again. The same again changes nothing.

        NotFound; Conflict if rollouts of it are started faster than they can be paused.
        """
        paused: list[str] = []
        for _ in range(TRIES):
            running = await self._mark(ref, body, actor)
            if not running:
                break
            for rollout_id in running:
                because = RolloutVerb(reason=f"its release is withdrawn: {body.reason}")
                await self._rollouts.act(rollout_id, RolloutAct.PAUSE, because, actor)
                paused.append(rollout_id)
        else:
            raise Conflict("rollouts of it are under way", f"{', '.join(running)}: pause them first, then try again")
        self._ground.changes.ring("releases")
        return await self._seen(ref, tuple(dict.fromkeys(paused)))

    async def _mark(self, ref: str, body: YankBody, actor: str) -> tuple[str, ...]:
        """Mark it, unless a rollout of it is on its way: those are paused first, so that no restart finds one."""
        async with self._ground.database.begin() as connection:
            record = await known_release(connection, ref)
            if (record.yanked_at is None) == body.undo:
                return ()
            rolling = () if body.undo else await _rolling(connection, record)
            if not rolling:
                at, by, reason = (None, None, None) if body.undo else (self._ground.clock(), actor, body.reason)
                await releases.set_yank(connection, record.digest, at, by, reason)
                act = "release.unyank" if body.undo else "release.yank"
                subject = f"{record.version} {record.digest}"
                await self._audit.record(connection, actor=actor, act=act, subject=subject, reason=body.reason)
            return rolling

    async def _seen(self, ref: str, paused: tuple[str, ...]) -> YankedView:
        async with self._ground.database.read() as connection:
            record = await known_release(connection, ref)
            current = await directives.current_all(connection)
            everyone = await devices.every(connection)
            runs = [
                one for one in await status.find(connection, Filter()) if one.status.running_release == record.digest
            ]
        ordered = tuple(
            name
            for name, directive in sorted(current.items())
            if any(rule.release == record.digest for rule in directive.rules)
        )
        golden = tuple(name for name in ordered if current[name].rules[-1].release == record.digest)
        pinned = [one.device_id for one in everyone if one.pin is not None and one.pin["release"] == record.digest]
        return YankedView(
            release=view_of(record, ordered, self._trust.current),
            paused=paused,
            golden_of=golden,
            pinned=tuple(pinned[:PINNED_MAX]),
            running=len(runs),
        )


async def _rolling(connection: AsyncConnection, record: ReleaseRecord) -> tuple[str, ...]:
    found = await rollouts.open_ones(connection)
    return tuple(one.id for one in found if one.release == record.digest and one.state in _ON_ITS_WAY)
