"""Rollouts between store, core and API: records into the core's values, and into what people see."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from pyv_fleet.core.estimate import finish_at
from pyv_fleet.core.members import Facts
from pyv_fleet.core.rollout import Rollout, approvals_missing, moves
from pyv_fleet.core.verdict import Tally, Wave, budgeted
from pyv_fleet.core.views import AnalysisView, RolloutSpec, RolloutTerms, RolloutView, WaveView
from pyv_fleet.engine.ground import rfc3339, rfc3339_or_none
from pyv_fleet.engine.rollout_plans import follows_rules
from pyv_fleet.store.devices import DeviceRecord
from pyv_fleet.store.orders import DirectiveRecord
from pyv_fleet.store.rollouts import MemberRecord, RolloutRecord, WaveRecord
from pyv_fleet.store.status import Known
from pyvorin_edge.identity import Digest
from pyvorin_edge.vocabulary import Phase


def machine_of(record: RolloutRecord) -> Rollout:
    """The core's value in a stored rollout."""
    return msgspec.convert(record.machine, Rollout)


def record_of(at: Rollout, spec: RolloutSpec | dict[str, Any]) -> RolloutRecord:
    """A rollout as it is stored: the value whole, and what is searched by."""
    plan = at.plan
    return RolloutRecord(
        id=plan.id,
        channel=plan.channel,
        release=plan.release,
        baseline=plan.baseline,
        state=at.state,
        wave=at.wave,
        spec=msgspec.to_builtins(spec),
        machine=msgspec.to_builtins(at),
        because=at.because,
        reason=plan.reason,
        created_by=plan.created_by,
        created_at=plan.created_at,
        ended_at=at.ended_at,
        name=spec.name if isinstance(spec, RolloutSpec) else spec.get("name"),
    )


def terms_of(record: RolloutRecord) -> RolloutTerms:
    """What was asked for when it was made."""
    fields = RolloutTerms.__struct_fields__
    return msgspec.convert({name: record.spec[name] for name in fields if name in record.spec}, RolloutTerms)


def wave_of(record: WaveRecord) -> Wave:
    """A stored wave as the core judges it."""
    return Wave(
        number=record.wave,
        state=record.state,
        started_at=record.started_at or 0,
        applied_at=record.applied_at,
        verdict=record.verdict,
        because=record.because,
        judged_at=record.judged_at,
        idle=record.idle,
        counted_from=record.counted_from,
    )


def judged(record: WaveRecord, wave: Wave, tally: Tally, analysis: dict[str, Any] | None) -> WaveRecord:
    """The stored wave after a look at it."""
    return msgspec.structs.replace(
        record,
        state=wave.state,
        tally=msgspec.to_builtins(tally),
        verdict=wave.verdict,
        because=wave.because,
        applied_at=wave.applied_at,
        judged_at=wave.judged_at,
        analysis=analysis,
        idle=wave.idle,
        counted_from=wave.counted_from,
    )


def facts_of(member: MemberRecord, known: Known, at: Rollout, golden_hash: str | None) -> Facts:
    """What is known of a member; one that was moved, pinned or quarantined meanwhile is not waited for."""
    device, status = known
    return Facts(
        device_id=member.device_id,
        online_at_start=member.online and device.channel == at.plan.channel and follows_rules(device),
        connectivity=status.connectivity,
        last_seen=status.last_seen,
        health=status.health_status,
        phase=status.phase,
        running_release=status.running_release,
        running_hash=status.running_hash,
        golden_hash=golden_hash,
        result_release=status.result_release,
        result_attempt=status.result_attempt or 0,
        result_outcome=status.result_outcome,
        result_code=status.result_code,
        result_detail=status.result_detail or "",
        waiting_for=status.waiting_for,
        turn_at=_turn_at(device, at),
        same_boot=member.boot_id is not None and member.boot_id == status.boot_id,
        starts=0 if member.boot is None else max(0, status.boot - member.boot),
    )


def _turn_at(device: DeviceRecord, at: Rollout) -> int | None:
    turn = device.turn or {}
    return turn["at"] if (turn.get("release"), turn.get("attempt")) == (at.plan.release, at.attempt) else None


def is_back(known: Known, baseline: Digest, order: DirectiveRecord) -> bool:
    """Whether a device has heard the order to go back and settled on the baseline."""
    status = known.status
    heard = (status.epoch, status.generation) >= (order.epoch, order.generation)
    return heard and status.running_release == baseline and status.phase is Phase.SETTLED


def view_of(
    record: RolloutRecord, waves: Sequence[WaveRecord], versions: Mapping[str, str], now_ms: int, fetching_seconds: int
) -> RolloutView:
    """As the API shows it; `versions` by digest; `fetching_seconds`: a device's time for the bundle, at most."""
    at = machine_of(record)
    finish = finish_at(at, [wave_of(wave) for wave in waves], now_ms, fetching_seconds)
    return RolloutView(
        id=record.id,
        channel=record.channel,
        release=record.release,
        version=versions.get(record.release, record.release[:12]),
        baseline=record.baseline,
        baseline_version=None if record.baseline is None else versions.get(record.baseline),
        state=record.state,
        wave=record.wave,
        waves=tuple(_wave_view(wave, at) for wave in waves),
        because=record.because,
        reason=record.reason,
        created_by=record.created_by,
        created_at=rfc3339(record.created_at),
        ended_at=rfc3339_or_none(record.ended_at),
        moves=moves(at),
        approvals_needed=0 if at.ended else approvals_missing(at),
        approved_by=tuple(one.by for one in at.approvals if one.wave == at.wave),
        emergency=at.plan.emergency,
        attempt=at.attempt,
        finish_at=rfc3339_or_none(finish),
        name=record.name,
        terms=terms_of(record),
    )


def _wave_view(record: WaveRecord, at: Rollout) -> WaveView:
    tally = msgspec.convert(record.tally, Tally)
    planned = at.plan.waves[record.wave]
    return WaveView(
        index=record.wave,
        cohort=record.cohort,
        state=record.state,
        verdict=record.verdict,
        because=record.because,
        started_at=rfc3339_or_none(record.started_at),
        judged_at=rfc3339_or_none(record.judged_at),
        analysis=None if record.analysis is None else msgspec.convert(record.analysis, AnalysisView),
        soak_seconds=planned.soak_seconds,
        approve=planned.approve,
        allowed={word.value: count for word, count in budgeted(at.plan.budgets, tally.judged).items()},
        **msgspec.structs.asdict(tally),
    )
