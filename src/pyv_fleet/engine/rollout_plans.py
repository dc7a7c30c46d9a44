"""From what an operator asks for to a plan that can be kept: what speaks against a rollout is said before it starts."""

from __future__ import annotations

import msgspec
from sqlalchemy.ext.asyncio import AsyncConnection

from pyv_fleet.core.policy import DEFAULT, Policy, PolicyError, resolved, wave_terms
from pyv_fleet.core.rollout import Plan
from pyv_fleet.core.views import RolloutSpec
from pyv_fleet.core.waves import Candidate, Cohort, WaveError, parse_waves, refuse_without_canary
from pyv_fleet.engine.errors import Conflict, Invalid, NotFound
from pyv_fleet.engine.ground import Ground
from pyv_fleet.engine.releases import known_release, release_of
from pyv_fleet.store import channels, devices, policies, releases
from pyv_fleet.store import orders as directives
from pyv_fleet.store.devices import DeviceRecord
from pyv_fleet.store.releases import ReleaseRecord
from pyvorin_edge.config.layers import closed_leaves
from pyvorin_edge.identity import ChannelName, Digest
from pyvorin_edge.trust import Trust


async def plan_of(
    connection: AsyncConnection, ground: Ground, trust: Trust, spec: RolloutSpec, actor: str, replaced: Plan | None
) -> Plan:
    """The plan of a new rollout; `replaced` is that of the rollout that it supersedes.

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
    rollout_id = ground.new_id()
    salt = f"r-{rollout_id}"
    await _refuse_waves(connection, spec, terms, release, salt, None if baseline is None else Digest(baseline.digest))
    return Plan(
        id=rollout_id,
        channel=ChannelName(spec.channel),
        release=Digest(release.digest),
        baseline=None if baseline is None else Digest(baseline.digest),
        attempt=await releases.next_attempt(connection, release.digest),
        baseline_attempt=0 if baseline is None else baseline.attempt,
        salt=salt,
        waves=tuple(str(cohort) for cohort in _cohorts(terms)),
        soak_seconds=terms.soak_seconds,
        deadline_seconds=terms.deadline_seconds,
        spread_seconds=terms.spread_seconds,
        budgets=terms.budgets,
        analysis=terms.analysis,
        reason=spec.reason,
        created_by=actor,
        created_at=ground.clock(),
    )


async def policy_of(connection: AsyncConnection, name: str | None) -> Policy:
    """A policy by name; without one the built-in."""
    record = None if name is None else await policies.get(connection, name)
    return DEFAULT if record is None else msgspec.convert(record.terms, Policy)


async def population(connection: AsyncConnection, channel: str) -> list[Candidate]:
    """The devices that reach a channel's rules: enrolled, unpinned, not quarantined, offline or not."""
    found = await devices.every(connection, channel)
    return [Candidate(device.device_id, device.labels) for device in found if follows_rules(device)]


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


def _cohorts(terms: Policy) -> tuple[Cohort, ...]:
    try:
        return parse_waves([wave_terms(one).cohort for one in terms.waves])
    except (WaveError, PolicyError) as why:
        raise Invalid("waves", str(why), (f"waves: {why}",)) from None


async def _refuse_waves(
    connection: AsyncConnection,
    spec: RolloutSpec,
    terms: Policy,
    release: ReleaseRecord,
    salt: str,
    golden: Digest | None,
) -> None:
    if terms.deadline_seconds <= terms.soak_seconds + terms.spread_seconds:
        raise Invalid(
            "deadline_seconds",
            f"a wave could never be good within {terms.deadline_seconds} s: soak and spread alone take "
            f"{terms.soak_seconds + terms.spread_seconds} s",
            ("deadline_seconds: must be longer than soak_seconds + spread_seconds",),
        )
    try:
        refuse_without_canary(_cohorts(terms), await population(connection, spec.channel), salt, golden=golden)
    except (WaveError, PolicyError) as why:
        raise Invalid("waves", str(why), (f"waves: {why}",)) from None
    await _refuse_closed_overlays(connection, spec.channel, release)


async def _refuse_closed_overlays(connection: AsyncConnection, channel: str, release: ReleaseRecord) -> None:
    """A release that closes a pointer in use would be rejected by the devices that have it (rule 10)."""
    open_pointers = release_of(release).open
    for device in await devices.every(connection, channel):
        closed = closed_leaves(device.overlay, open_pointers) if device.overlay else ()
        if closed:
            raise Conflict(
                "an overlay in use is closed",
                f"{device.device_id} sets {closed[0]}, which {release.version} does not open",
            )
