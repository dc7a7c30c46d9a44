"""How a wave is judged from its frozen members' own words (PROTOCOL 7): verdict, and what was seen in a sentence.

Success is the device's word, compared here: outcome committed, phase settled, the hash that it runs is the golden hash
of (release, overlay), status healthy. Each budget is a number of devices in permyriad of the wave; one device over it,
and the wave is bad at once, in its middle too. No data is never good.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Final

import msgspec

from pyv_fleet.core.views import Budgets
from pyv_fleet.core.words import MemberStanding, Verdict, WaveState
from pyvorin_edge.identity import Digest
from pyvorin_edge.vocabulary import Cause, Connectivity, HealthStatus, Outcome, Phase

PERMYRIAD_ALL: Final = 10_000

#: Failures after the switch: the device had the release in force and went back by itself.
AFTER_SWITCH: Final = frozenset(
    {Cause.GATE, Cause.SWITCH, Cause.BOOT_LOOP, Cause.CUT_OFF, Cause.UNREACHED, Cause.POWER}
)


class Terms(msgspec.Struct, frozen=True, kw_only=True):
    """What a wave is judged by."""

    release: Digest
    #: results of an earlier attempt at the same release do not count against it
    attempt: int
    budgets: Budgets
    soak_seconds: int
    deadline_seconds: int
    #: silence after which a device that left counts as lost (PROTOCOL 6); who falls silent is given the same
    lost_seconds: float


class Facts(msgspec.Struct, frozen=True, kw_only=True):
    """What is known of one member now. Times are Unix ms of the controller."""

    device_id: str
    #: whether it was online when the wave started: else it is deferred until it has something to say of the release
    online_at_start: bool
    connectivity: Connectivity
    last_seen: int | None
    health: HealthStatus
    phase: Phase | None
    running_release: str | None
    running_hash: str | None
    #: of (release, its overlay); none = not known, and then nothing is committed
    golden_hash: str | None
    result_release: str | None = None
    result_attempt: int = 0
    result_outcome: Outcome | None = None
    result_code: Cause | None = None
    result_detail: str = ""


class Wave(msgspec.Struct, frozen=True, kw_only=True):
    """A wave under judgement."""

    number: int
    state: WaveState = WaveState.APPLYING
    #: Unix ms: the deadline counts from here
    started_at: int
    #: Unix ms since when all took it and are well; none while they are not
    applied_at: int | None = None
    verdict: Verdict | None = None
    because: str = ""
    judged_at: int | None = None


class Tally(msgspec.Struct, frozen=True, kw_only=True):
    """How many members stand where; `healthy` are among the committed."""

    devices: int = 0
    committed: int = 0
    healthy: int = 0
    failed: int = 0
    reverted: int = 0
    unhealthy: int = 0
    lost: int = 0
    deferred: int = 0


def judge(wave: Wave, terms: Terms, members: Sequence[Facts], now: int) -> tuple[Wave, Tally]:
    """The wave as it stands now, its verdict once there is one, and the count of its members."""
    standings = {facts.device_id: standing_of(facts, terms, now) for facts in members}
    tally = tally_of(members, standings)
    broken = _broken_budget(tally, terms.budgets)
    if broken is not None:
        return _judged(wave, Verdict.BAD, _accusation(broken, members, standings, terms), now), tally
    waiting = _waiting_for(members, standings, tally, terms.budgets)
    if waiting is None:
        return _soaked(wave, terms, tally, now), tally
    if now >= wave.started_at + terms.deadline_seconds * 1000:
        after = f"after {terms.deadline_seconds} s {waiting}: it cannot be judged, a person must look"
        return _judged(wave, Verdict.INCONCLUSIVE, after, now), tally
    return msgspec.structs.replace(wave, state=WaveState.APPLYING, applied_at=None, because=waiting), tally


def standing_of(facts: Facts, terms: Terms, now: int) -> MemberStanding:
    """Where one member stands in the wave."""
    if _ended_badly(facts, terms):
        return MemberStanding.REVERTED if facts.result_code in AFTER_SWITCH else MemberStanding.FAILED
    silent = _is_silent(facts, terms, now)
    if _has_committed(facts, terms):
        if silent:
            return MemberStanding.LOST if facts.online_at_start else MemberStanding.DEFERRED
        return MemberStanding.UNHEALTHY if facts.health is HealthStatus.UNHEALTHY else MemberStanding.COMMITTED
    if not facts.online_at_start:
        return MemberStanding.DEFERRED
    return MemberStanding.LOST if silent else MemberStanding.APPLYING


def tally_of(members: Sequence[Facts], standings: Mapping[str, MemberStanding]) -> Tally:
    """The count, as the API shows it; who committed and is unhealthy now counts as both."""
    counted = Counter(standings.values())
    return Tally(
        devices=len(members),
        committed=counted[MemberStanding.COMMITTED] + counted[MemberStanding.UNHEALTHY],
        healthy=sum(1 for facts in members if _is_well(facts, standings)),
        failed=counted[MemberStanding.FAILED],
        reverted=counted[MemberStanding.REVERTED],
        unhealthy=counted[MemberStanding.UNHEALTHY],
        lost=counted[MemberStanding.LOST],
        deferred=counted[MemberStanding.DEFERRED],
    )


def allowed(permyriad: int, devices: int) -> int:
    """How many devices of a wave a budget lets go wrong, rounded down: 2 % of one canary is none."""
    return devices * permyriad // PERMYRIAD_ALL


def cause_sentence(facts: Facts, standing: MemberStanding, terms: Terms) -> str:
    """What happened to one device, named, with its own words on the cause."""
    match standing:
        case MemberStanding.REVERTED:
            return f"{facts.device_id} went back by itself: {_own_words(facts)}"
        case MemberStanding.FAILED:
            verb = "refused the release" if facts.result_outcome is Outcome.REJECTED else "could not take the release"
            return f"{facts.device_id} {verb}: {_own_words(facts)}"
        case MemberStanding.UNHEALTHY:
            return f"{facts.device_id} took the release and became unhealthy under it"
        case MemberStanding.LOST:
            return f"{facts.device_id} fell silent for more than {terms.lost_seconds:g} s after the wave began"
        case MemberStanding.DEFERRED:
            return f"{facts.device_id} is not online"
        case MemberStanding.COMMITTED:
            return f"{facts.device_id} took the release and is {facts.health}"
        case MemberStanding.WAITING:
            return f"{facts.device_id} waits for its window or its turn"
        case MemberStanding.RETRYING:
            return f"{facts.device_id} tries again: {_own_words(facts)}"
        case MemberStanding.SKIPPED:
            return f"{facts.device_id} was taken out of the judgement"
        case MemberStanding.APPLYING:
            return f"{facts.device_id} has not taken the release yet ({facts.phase or 'it has not reported'})"


def _soaked(wave: Wave, terms: Terms, tally: Tally, now: int) -> Wave:
    since = now if wave.applied_at is None else wave.applied_at
    soaking = msgspec.structs.replace(
        wave,
        state=WaveState.SOAKING,
        applied_at=since,
        because=f"{tally.committed} of {tally.devices} devices took it; its soak of {terms.soak_seconds} s runs",
    )
    if now < since + terms.soak_seconds * 1000:
        return soaking
    healthy = f"were healthy for {terms.soak_seconds} s" if terms.soak_seconds else "are healthy"
    return _judged(soaking, Verdict.GOOD, f"{tally.healthy} of {tally.devices} devices took it and {healthy}", now)


def _waiting_for(
    members: Sequence[Facts], standings: Mapping[str, MemberStanding], tally: Tally, budgets: Budgets
) -> str | None:
    """What keeps the wave from soaking; none = all have ended, and more are unwell than a budget allows."""
    if tally.committed == 0:
        if tally.deferred == tally.devices:
            return "none of its devices is online"
        if MemberStanding.APPLYING not in standings.values():
            return "none of its devices took it"
    unwell = [
        facts
        for facts in members
        if standings[facts.device_id] is MemberStanding.COMMITTED and not _is_well(facts, standings)
    ]
    applying = [facts for facts in members if standings[facts.device_id] is MemberStanding.APPLYING]
    if applying:
        return f"{len(applying)} of {tally.devices} devices have not taken it yet, {applying[0].device_id} among them"
    if len(unwell) + tally.unhealthy > allowed(budgets.unhealthy_permyriad, tally.devices):
        return f"{len(unwell)} of {tally.devices} devices took it and are not well: {_unwell(unwell[0])}"
    return None


def _unwell(facts: Facts) -> str:
    if facts.connectivity is not Connectivity.ONLINE:
        return f"{facts.device_id} is {facts.connectivity}"
    return f"{facts.device_id} is {facts.health}"


def _broken_budget(tally: Tally, budgets: Budgets) -> MemberStanding | None:
    limits = (
        (MemberStanding.REVERTED, tally.reverted, budgets.reverted_permyriad),
        (MemberStanding.FAILED, tally.failed, budgets.failed_permyriad),
        (MemberStanding.UNHEALTHY, tally.unhealthy, budgets.unhealthy_permyriad),
        (MemberStanding.LOST, tally.lost, budgets.lost_permyriad),
    )
    return next((kind for kind, count, budget in limits if count > allowed(budget, tally.devices)), None)


def _accusation(
    kind: MemberStanding, members: Sequence[Facts], standings: Mapping[str, MemberStanding], terms: Terms
) -> str:
    """The sentence of a bad wave: one device by name and cause, and how many more."""
    accused = [facts for facts in members if standings[facts.device_id] is kind]
    more = f"; {len(accused) - 1} more of {len(members)} likewise" if len(accused) > 1 else ""
    return cause_sentence(accused[0], kind, terms) + more


def _own_words(facts: Facts) -> str:
    sentence = facts.result_code.sentence if facts.result_code is not None else "it gave no cause"
    code = f"{facts.result_code}: " if facts.result_code is not None else ""
    return f"{code}{sentence} ({facts.result_detail})" if facts.result_detail else f"{code}{sentence}"


def _judged(wave: Wave, verdict: Verdict, because: str, now: int) -> Wave:
    return msgspec.structs.replace(wave, state=WaveState.JUDGED, verdict=verdict, because=because, judged_at=now)


def _ended_badly(facts: Facts, terms: Terms) -> bool:
    return (
        facts.result_release == terms.release
        and facts.result_attempt >= terms.attempt
        and facts.result_outcome in (Outcome.FAILED, Outcome.REJECTED)
    )


def _has_committed(facts: Facts, terms: Terms) -> bool:
    """All four of the device's own words; what it was told, or holds on disk, does not count."""
    return (
        facts.result_release == terms.release
        and facts.result_outcome is Outcome.COMMITTED
        and facts.phase is Phase.SETTLED
        and facts.running_release == terms.release
        and facts.golden_hash is not None
        and facts.running_hash == facts.golden_hash
    )


def _is_silent(facts: Facts, terms: Terms, now: int) -> bool:
    if facts.connectivity is Connectivity.LOST:
        return True
    heard = facts.last_seen or 0
    return facts.connectivity is not Connectivity.ONLINE and now - heard > terms.lost_seconds * 1000


def _is_well(facts: Facts, standings: Mapping[str, MemberStanding]) -> bool:
    return (
        standings[facts.device_id] is MemberStanding.COMMITTED
        and facts.health is HealthStatus.HEALTHY
        and facts.connectivity is Connectivity.ONLINE
    )
