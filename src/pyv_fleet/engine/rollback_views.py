"""Rollbacks as the API shows them. Seconds are counted from `started_at`, taken when the directives went out; who was
offline then is not in them: how long it was away says nothing of the fleet."""

from __future__ import annotations

import statistics
from collections.abc import Mapping, Sequence
from typing import Final

from pyv_fleet.core.rollback import Standing
from pyv_fleet.core.selectors import where_text
from pyv_fleet.core.views import RollbackChannel, RollbackDevice, RollbackReport, RollbackView
from pyv_fleet.core.words import ReturnStanding, RollbackState
from pyv_fleet.engine.ground import rfc3339, rfc3339_or_none
from pyv_fleet.store.rollbacks import AckRecord, RollbackRecord

MISSING_SHOWN: Final = 100
Standings = Mapping[str, Standing]


def view_of(record: RollbackRecord, acks: Sequence[AckRecord], standings: Standings) -> RollbackView:
    """How far it is; `standings` of those that have not acknowledged, by id."""
    following = [ack for ack in acks if ack.follows]
    done = [ack for ack in following if ack.acknowledged_at is not None]
    at_once = [ack for ack in done if ack.online]
    missing = [ack for ack in acks if ack.online and ack.acknowledged_at is None]
    waiting = sum(1 for ack in missing if _standing(ack, standings).waited_for)
    seconds = sorted(_seconds(record, ack) or 0.0 for ack in at_once)
    return RollbackView(
        id=record.id,
        state=_state(record, len(done) == len(following), waiting),
        to_version=record.to_version,
        channels=_channels(record),
        selector=where_text(record.selector) or None,
        reason=record.reason,
        created_by=record.created_by,
        started_at=rfc3339(record.started_at),
        devices=len(following),
        online=sum(ack.online for ack in following),
        exempt=len(acks) - len(following),
        acknowledged=len(done),
        online_acknowledged=len(at_once),
        waiting=waiting,
        away=sum(1 for ack in following if not ack.online and ack.acknowledged_at is None),
        missing=tuple(device_of(record, ack, standings) for ack in missing[:MISSING_SHOWN]),
        missing_more=max(0, len(missing) - MISSING_SHOWN),
        first_seconds=seconds[0] if seconds else None,
        median_seconds=statistics.median(seconds) if seconds else None,
        last_seconds=seconds[-1] if seconds else None,
        done=waiting == 0,
    )


def report_of(record: RollbackRecord, acks: Sequence[AckRecord], standings: Standings) -> RollbackReport:
    """All of it."""
    every = tuple(device_of(record, ack, standings) for ack in acks)
    return RollbackReport(rollback=view_of(record, acks, standings), devices=every)


def device_of(record: RollbackRecord, ack: AckRecord, standings: Standings) -> RollbackDevice:
    """One device in it."""
    stands = _standing(ack, standings)
    return RollbackDevice(
        device_id=ack.device_id,
        channel=ack.channel,
        online=ack.online,
        standing=stands.word,
        cause=stands.cause,
        seconds=_seconds(record, ack),
        since=rfc3339_or_none(stands.since),
    )


def frozen(acks: Sequence[AckRecord]) -> Standings:
    """Where devices stood when their rollback ended, as it was kept."""
    return {ack.device_id: Standing(ack.standing, ack.cause or "") for ack in acks if ack.standing is not None}


def _standing(ack: AckRecord, standings: Standings) -> Standing:
    if ack.acknowledged_at is not None:
        return Standing(ReturnStanding.BACK)
    word = ReturnStanding.UNHEARD if ack.online else ReturnStanding.AWAY
    return standings.get(ack.device_id, Standing(word))


def _seconds(record: RollbackRecord, ack: AckRecord) -> float | None:
    return None if ack.acknowledged_at is None else (ack.acknowledged_at - record.started_at) / 1000


def _state(record: RollbackRecord, whole: bool, waiting: int) -> RollbackState:
    if whole:
        return RollbackState.COMPLETED
    if record.done_at is not None:
        return RollbackState.SUPERSEDED
    return RollbackState.RUNNING if waiting else RollbackState.STANDING


def _channels(record: RollbackRecord) -> tuple[RollbackChannel, ...]:
    return tuple(
        RollbackChannel(
            channel=name,
            was=target.was,
            version=target.version,
            release=target.release,
            epoch=target.epoch,
            generation=target.generation,
            message_sha256=target.message_sha256,
            superseded=target.superseded,
            held_out=target.held_out,
        )
        for name, target in sorted(record.targets.items())
    )
