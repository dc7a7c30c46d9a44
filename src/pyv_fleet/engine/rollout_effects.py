"""What entering a state does, all in the transaction that stores the state: directives, frozen members, alerts."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, assert_never

import msgspec
from sqlalchemy.ext.asyncio import AsyncConnection

from pyv_fleet.core.rollout import Plan, Rollout
from pyv_fleet.core.rollout_events import CallHuman, Close, Effect, HoldWave, OpenWave, PublishBaseline
from pyv_fleet.core.waves import Line, hold_rules, members, parse_cohort, resolve, rolled_back, wave_rules
from pyv_fleet.core.words import AlertName, RolloutState, WaveState
from pyv_fleet.engine.alerting import Alerting
from pyv_fleet.engine.channels import known_channel
from pyv_fleet.engine.ground import Ground
from pyv_fleet.engine.orders import Orders
from pyv_fleet.engine.rollout_plans import population, rules_before
from pyv_fleet.store import channels, releases, rollouts, status
from pyv_fleet.store import orders as directives
from pyv_fleet.store.rollouts import MemberRecord, WaveRecord
from pyv_fleet.store.status import Known
from pyvorin_edge.orders import Directive, Rule
from pyvorin_edge.vocabulary import Connectivity, RuleKind


class Effects:
    """Performs a rollout's effects; nothing is published before the caller's commit."""

    def __init__(self, ground: Ground, orders: Orders, alerting: Alerting) -> None:
        self._ground = ground
        self._orders = orders
        self._alerting = alerting

    async def perform(self, connection: AsyncConnection, at: Rollout, effects: Iterable[Effect], actor: str) -> None:
        """The effects of a move, in order; each can be repeated."""
        for effect in effects:
            match effect:
                case OpenWave(wave=wave):
                    await self._open(connection, at, wave, actor)
                case HoldWave():
                    await self._hold(connection, at, actor)
                case PublishBaseline():
                    await self._go_back(connection, at, actor)
                case CallHuman():
                    await self.call(connection, at.plan, at.because)
                case Close():
                    await self._close(connection, at)
                case _:
                    assert_never(effect)

    async def call(self, connection: AsyncConnection, plan: Plan, sentence: str) -> None:
        """A person is needed."""
        await self._alerting.raise_alert(connection, AlertName.ROLLOUT_STOPPED, subject=_subject(plan), detail=sentence)

    async def warn(self, connection: AsyncConnection, plan: Plan, sentence: str) -> None:
        """What everybody must see until somebody acknowledges it."""
        await self._alerting.raise_alert(connection, AlertName.EMERGENCY, subject=plan.id, detail=sentence)

    async def _open(self, connection: AsyncConnection, at: Rollout, number: int, actor: str) -> None:
        """Let the wave in; a wave that opens again keeps its line and its frozen members, and its clocks begin anew."""
        plan = at.plan
        channel = await known_channel(connection, plan.channel)
        await self._alerting.resolve(connection, AlertName.ROLLOUT_STOPPED, _subject(plan))
        records = await rollouts.waves_of(connection, plan.id)
        lines = lines_of(records)[:number]
        record = records[number]
        if record.rule is None:
            devices = await population(connection, channel)
            line = resolve(parse_cohort(record.cohort), devices, plan.salt, lines)
            await self._freeze(connection, plan, number, members([*lines, line], devices, plan.salt))
        else:
            line = line_of(record)
        rules = wave_rules(
            [*lines, line],
            salt=plan.salt,
            release=plan.release,
            attempt=at.attempt,
            spread_seconds=plan.spread_seconds,
            baseline=baseline_rule(plan),
            hold_outs=await rules_before(connection, channel),
            carried=await _carried(connection, plan),
        )
        reason = f"{plan.reason} (rollout {plan.id}, wave {number + 1} of {len(plan.waves)}: {record.cohort})"
        directive = await self._orders.issue_directive(connection, plan.channel, rules, reason=reason, actor=actor)
        await rollouts.save_wave(connection, _opened(record, line, directive, at.since))

    async def _freeze(self, connection: AsyncConnection, plan: Plan, number: int, device_ids: tuple[str, ...]) -> None:
        known = await status.get_many(connection, device_ids)
        await rollouts.freeze_members(
            connection,
            [
                MemberRecord(
                    rollout_id=plan.id,
                    wave=number,
                    device_id=device_id,
                    online=device_id in known and known[device_id].status.connectivity is Connectivity.ONLINE,
                    boot=known[device_id].status.boot if device_id in known else None,
                    boot_id=_other_boot(known.get(device_id), plan),
                )
                for device_id in device_ids
            ],
        )

    async def _hold(self, connection: AsyncConnection, at: Rollout, actor: str) -> None:
        plan = at.plan
        before = await rules_before(connection, await known_channel(connection, plan.channel))
        rules = hold_rules(
            release=plan.release,
            attempt=at.attempt,
            baseline=baseline_rule(plan),
            hold_outs=before,
            carried=await _carried(connection, plan),
        )
        await self._orders.issue_directive(
            connection, plan.channel, rules, reason=f"rollout {plan.id} holds: {at.because}", actor=actor
        )

    async def _go_back(self, connection: AsyncConnection, at: Rollout, actor: str) -> None:
        """One rule for all, of kind rollback and with a higher attempt than any before, so that no window delays it."""
        baseline = at.plan.baseline
        if baseline is None:
            raise AssertionError("the machine never reverts without a baseline")
        attempt = await releases.next_attempt(connection, baseline)
        before = await rules_before(connection, await known_channel(connection, at.plan.channel))
        await self._orders.issue_directive(
            connection,
            at.plan.channel,
            (
                *before,
                *await _carried(connection, at.plan),
                Rule(kind=RuleKind.ROLLBACK, release=baseline, attempt=attempt),
            ),
            reason=f"rollout {at.plan.id} goes back: {at.because}",
            actor=actor,
        )

    async def _close(self, connection: AsyncConnection, at: Rollout) -> None:
        if at.state is not RolloutState.REVERTED:  # that one wants a look until the next rollout opens
            await self._alerting.resolve(connection, AlertName.ROLLOUT_STOPPED, _subject(at.plan))
        if at.state is RolloutState.COMPLETED and at.plan.baseline is not None:
            await channels.set_last_good(connection, at.plan.channel, at.plan.baseline)


async def everybody(connection: AsyncConnection, at: Rollout) -> bool:
    """Whether the wave that is next is every device of the channel, whatever its written form."""
    if at.last_wave:
        return True
    plan, records = at.plan, await rollouts.waves_of(connection, at.plan.id)
    devices = await population(connection, await known_channel(connection, plan.channel))
    lines = lines_of(records)[: at.wave]
    line = resolve(parse_cohort(records[at.wave].cohort), devices, plan.salt, lines)
    return len(members([*lines, line], devices, plan.salt)) >= len(devices)


def baseline_rule(plan: Plan) -> Rule | None:
    """The rule behind a plan's waves."""
    if plan.baseline is None:
        return None
    return Rule(kind=RuleKind.RELEASE, release=plan.baseline, attempt=plan.baseline_attempt)


def lines_of(records: Iterable[WaveRecord]) -> list[Line]:
    """The lines of the waves that were opened, in order."""
    return [line_of(record) for record in records if record.rule is not None]


def line_of(record: WaveRecord) -> Line:
    """A wave's line as it was stored."""
    return msgspec.convert(record.rule, Line)


async def _carried(connection: AsyncConnection, plan: Plan) -> tuple[Rule, ...]:
    """Rollbacks of a selection that stand on the channel, but for those to the release that rolls out."""
    current = await directives.current(connection, plan.channel)
    found = () if current is None else rolled_back(current.rules)
    return tuple(rule for rule in found if rule.release != plan.release)


def _other_boot(known: Known | None, plan: Plan) -> str | None:
    """The start in which a device ran another release: one that comes to run this one starts anew if code changes."""
    if known is None or known.status.running_release == plan.release:
        return None
    return known.status.boot_id


def _subject(plan: Plan) -> str:
    return f"channel/{plan.channel}"


def _opened(record: WaveRecord, line: Line, directive: Directive, at_ms: int) -> WaveRecord:
    rule: dict[str, Any] = msgspec.to_builtins(line)
    return msgspec.structs.replace(
        record,
        rule=rule,
        state=WaveState.APPLYING,
        generation=directive.generation,
        started_at=at_ms,
        applied_at=None,
        idle=False,
        counted_from=None,
        verdict=None,
        judged_at=None,
        because="",
    )
