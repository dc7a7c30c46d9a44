"""From what an operator asks for to a plan that can be kept: what speaks against a rollout is said before it starts."""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Iterator, Sequence
from typing import Final

import msgspec
from sqlalchemy.ext.asyncio import AsyncConnection

from pyv_fleet.core.policy import DEFAULT, Herd, HoldOut, Policy, PolicyError, resolved, unix_ms, wave_terms
from pyv_fleet.core.rollout import Plan, PlannedWave
from pyv_fleet.core.turns import rounds, value_of
from pyv_fleet.core.views import RolloutSpec
from pyv_fleet.core.waves import (
    Candidate,
    Cohort,
    Line,
    WaveError,
    hold_out_rules,
    is_held_out,
    members,
    parse_waves,
    refuse_without_canary,
    resolve,
)
from pyv_fleet.engine.errors import Conflict, Invalid, NotFound
from pyv_fleet.engine.releases import known_release, release_of
from pyv_fleet.store import channels, devices, policies, releases
from pyv_fleet.store import orders as directives
from pyv_fleet.store.channels import ChannelRecord
from pyv_fleet.store.devices import DeviceRecord
from pyv_fleet.store.releases import ReleaseRecord
from pyvorin_edge.config.layers import closed_leaves
from pyvorin_edge.identity import ChannelName, Digest
from pyvorin_edge.orders import Rule
from pyvorin_edge.trust import Trust

RULES_MAX: Final = 16


class Draft(msgspec.Struct, frozen=True, kw_only=True):
    """A rollout as it would be now: everything looked up, nothing made."""

    spec: RolloutSpec
    channel: ChannelRecord
    #: of the channel's directive; 0 = none yet
    generation: int
    terms: Policy
    release: ReleaseRecord
    baseline: ReleaseRecord | None
    cohorts: tuple[Cohort, ...]
    waves: tuple[PlannedWave, ...]
    devices: tuple[DeviceRecord, ...]
    #: the devices as waves see them
    population: tuple[Candidate, ...]
    #: of all that decides which device gets what: another one means that the fleet or the release changed
    digest: str

    @property
    def salt(self) -> str:
        """By which devices are put in order: a plan and the rollout made of it take the same ones, the next others."""
        return f"r-{self.digest[:16]}"

    @property
    def herd(self) -> Herd | None:
        """How many devices of the channel at once."""
        return None if self.channel.herd is None else msgspec.convert(self.channel.herd, Herd)

    def values(self, device_ids: Collection[str]) -> list[str | None]:
        """What the herd's label says of each of these; nothing without a herd."""
        herd = self.herd
        if herd is None:
            return []
        return [value_of(one.labels, herd) for one in self.population if one.device_id in device_ids]


async def draft_of(connection: AsyncConnection, trust: Trust, spec: RolloutSpec, replaced: Plan | None) -> Draft:
    """What a spec means now; `replaced` is the plan of the rollout that it supersedes.

    NotFound for an unknown channel or release, Conflict for what stands in its way, Invalid for waves that cannot be.
    """
    channel = await channels.get(connection, spec.channel)
    if channel is None:
        raise NotFound("no such channel", f"{spec.channel!r}; make it with: pyv-fleet channel set NAME")
    terms = resolved(spec, await policy_of(connection, channel.policy))
    release = await known_release(connection, spec.release)
    refuse_release(release, trust)
    baseline = await _baseline(connection, spec, replaced)
    if baseline is not None and baseline.digest == release.digest:
        raise Conflict(
            "nothing to roll out",
            f"{release.version} is what {spec.channel} stays on; to try it again where it failed, roll back to it",
        )
    current = await directives.current(connection, spec.channel)
    cohorts, waves = _waves(terms)
    generation = 0 if current is None else current.generation
    found = tuple(await followers(connection, channel))
    draft = Draft(
        spec=spec,
        channel=channel,
        generation=generation,
        terms=terms,
        release=release,
        baseline=baseline,
        cohorts=cohorts,
        waves=waves,
        devices=found,
        population=tuple(Candidate(device.device_id, device.labels) for device in found),
        digest=_digest(channel, generation, terms, release, baseline, found),
    )
    _refuse_waves(draft)
    _refuse_closed_overlays(draft)
    return msgspec.structs.replace(draft, waves=tuple(_with_rounds(draft)))


def plan_of(draft: Draft, rollout_id: str, attempt: int, actor: str, now_ms: int) -> Plan:
    """The plan of a new rollout; `attempt` is the release's next."""
    spec, terms = draft.spec, draft.terms
    return Plan(
        id=rollout_id,
        channel=ChannelName(spec.channel),
        release=Digest(draft.release.digest),
        baseline=None if draft.baseline is None else Digest(draft.baseline.digest),
        attempt=attempt,
        baseline_attempt=0 if draft.baseline is None else draft.baseline.attempt,
        salt=draft.salt,
        waves=draft.waves,
        deadline_seconds=terms.deadline_seconds,
        spread_seconds=terms.spread_seconds,
        budgets=terms.budgets,
        analysis=terms.analysis,
        reason=spec.reason,
        created_by=actor,
        created_at=now_ms,
        silent_seconds=terms.silent_seconds,
        deferred_seconds=terms.deferred_seconds,
        on_bad=terms.on_bad,
        on_abort=terms.on_abort,
        approvals=terms.approvals,
        start_at=None if spec.start_at is None else unix_ms(spec.start_at),
        emergency=spec.emergency,
        alone=len(draft.devices) == 1,
    )


async def policy_of(connection: AsyncConnection, name: str | None) -> Policy:
    """A policy by name; without one the built-in."""
    record = None if name is None else await policies.get(connection, name)
    return DEFAULT if record is None else msgspec.convert(record.terms, Policy)


async def population(connection: AsyncConnection, channel: ChannelRecord) -> list[Candidate]:
    """The devices that reach a channel's rules, as waves see them."""
    return [Candidate(device.device_id, device.labels) for device in await followers(connection, channel)]


async def followers(connection: AsyncConnection, channel: ChannelRecord) -> list[DeviceRecord]:
    """The devices that reach a channel's rules: enrolled, unpinned, not quarantined, not held out, offline or not."""
    hold_outs = hold_outs_of(channel)
    found = await devices.every(connection, channel.name)
    return [device for device in found if follows_rules(device) and not is_held_out(device.labels, hold_outs)]


def hold_outs_of(channel: ChannelRecord) -> tuple[HoldOut, ...]:
    """Who stays on another release; releases as digests."""
    return tuple(msgspec.convert(one, HoldOut) for one in channel.hold_outs)


async def rules_before(connection: AsyncConnection, channel: ChannelRecord) -> tuple[Rule, ...]:
    """The rules that stand before all others on a channel: its hold-outs."""
    hold_outs = hold_outs_of(channel)
    named = [await releases.get(connection, one.release) for one in hold_outs]
    return hold_out_rules(hold_outs, {one.digest: one.attempt for one in named if one is not None})


def follows_rules(device: DeviceRecord) -> bool:
    """Whether a channel's rules say what the device runs."""
    return device.pin is None and not device.quarantined


def refuse_release(release: ReleaseRecord, trust: Trust) -> None:
    """Conflict for a release that devices would reject by the trust document (PROTOCOL 5, rule 9)."""
    if release.digest in trust.revoked_releases:
        raise Conflict("revoked", f"trust document {trust.version} revokes {release.version}")
    if release.yanked_at is not None:
        raise Conflict(
            "yanked",
            f"{release.version} was withdrawn by {release.yanked_by}: {release.yanked_reason}; nothing begins with it "
            f"any more. If that was wrong: pyv-fleet release yank --undo {release.version}",
        )
    if release.security < trust.floor:
        raise Conflict(
            "below the floor", f"{release.version} has security {release.security}, the floor is {trust.floor}"
        )


async def _baseline(connection: AsyncConnection, spec: RolloutSpec, replaced: Plan | None) -> ReleaseRecord | None:
    """What the rest stays on: named, else that of the rollout replaced, else the last rule's release."""
    current = await directives.current(connection, spec.channel)
    if spec.baseline is not None:
        if current is None:
            raise Conflict("nothing to stay on", f"channel {spec.channel} has no release yet: leave the baseline out")
        return await known_release(connection, spec.baseline)
    if current is None:
        return None
    if any(rule.hold for rule in current.rules):
        raise Conflict(
            "a hold stands",
            f"a part of {spec.channel} is held on another release: name the baseline that the rest is to stay on",
        )
    if replaced is not None:
        return None if replaced.baseline is None else await known_release(connection, replaced.baseline)
    return await known_release(connection, current.rules[-1].release)


def _with_rounds(draft: Draft) -> Iterator[PlannedWave]:
    """Its waves, each with the turns that the devices which it lets in need one after the other."""
    lines: list[Line] = []
    before: frozenset[str] = frozenset()
    for cohort, wave in zip(draft.cohorts, draft.waves, strict=True):
        lines.append(resolve(cohort, draft.population, draft.salt, lines))
        inside = frozenset(members(lines, draft.population, draft.salt))
        yield msgspec.structs.replace(wave, rounds=rounds(draft.values(inside - before), draft.herd))
        before |= inside


def _digest(
    channel: ChannelRecord,
    generation: int,
    terms: Policy,
    release: ReleaseRecord,
    baseline: ReleaseRecord | None,
    found: Sequence[DeviceRecord],
) -> str:
    said = {
        "channel": channel.name,
        "generation": generation,
        "release": release.digest,
        "attempt": release.attempt,
        "baseline": None if baseline is None else baseline.digest,
        "terms": terms,
        "hold_outs": channel.hold_outs,
        "devices": sorted((one.device_id, sorted(one.labels.items()), one.overlay_digest) for one in found),
    }
    return hashlib.sha256(msgspec.json.encode(said, order="deterministic")).hexdigest()


def _waves(terms: Policy) -> tuple[tuple[Cohort, ...], tuple[PlannedWave, ...]]:
    """The waves as cohorts, and with all their terms said."""
    try:
        said = [wave_terms(one) for one in terms.waves]
        cohorts = parse_waves([one.cohort for one in said])
    except (WaveError, PolicyError) as why:
        raise Invalid("waves", str(why), (f"waves: {why}",)) from None
    planned = tuple(
        PlannedWave(
            cohort=str(cohort),
            soak_seconds=terms.soak_seconds if one.soak_seconds is None else one.soak_seconds,
            success_permyriad=one.success_permyriad,
            approve=one.approve,
        )
        for cohort, one in zip(cohorts, said, strict=True)
    )
    return cohorts, planned


def _refuse_waves(draft: Draft) -> None:
    terms, soak = draft.terms, max(wave.soak_seconds for wave in draft.waves)
    if terms.deadline_seconds <= soak + terms.spread_seconds:
        raise Invalid(
            "deadline_seconds",
            f"a wave could never be good within {terms.deadline_seconds} s: soak and spread alone take "
            f"{soak + terms.spread_seconds} s",
            ("deadline_seconds: must be longer than soak_seconds + spread_seconds",),
        )
    rules = len(draft.waves) + len(draft.channel.hold_outs) + 1
    if rules > RULES_MAX:
        raise Invalid("waves", f"waves and hold-outs need {rules} rules, a directive holds {RULES_MAX}", ("waves",))
    golden = None if draft.baseline is None else Digest(draft.baseline.digest)
    try:
        refuse_without_canary(
            draft.cohorts, draft.population, draft.salt, golden=golden, emergency=draft.spec.emergency
        )
    except WaveError as why:
        raise Invalid("waves", str(why), (f"waves: {why}",)) from None
    needed = golden is not None and not draft.spec.emergency and len(draft.devices) > 1
    if needed and not any(wave.soak_seconds for wave in draft.waves[:-1]):
        raise Invalid(
            "soak_seconds",
            "no wave before the last one soaks, so that nothing would be shown by it: give the canary a second or more",
            ("soak_seconds: a canary must soak",),
        )


def _refuse_closed_overlays(draft: Draft) -> None:
    """A release that closes a pointer in use would be rejected by the devices that have it (rule 10)."""
    open_pointers = release_of(draft.release).open
    for device in draft.devices:
        closed = closed_leaves(device.overlay, open_pointers) if device.overlay else ()
        if closed:
            raise Conflict(
                "an overlay in use is closed",
                f"{device.device_id} sets {closed[0]}, which {draft.release.version} does not open",
            )
