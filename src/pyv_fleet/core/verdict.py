"""How a wave is judged from its frozen members' own words (PROTOCOL 7): verdict, and what was seen in a sentence.

Success is the device's word, compared here: outcome committed, phase settled, the hash that it runs is the golden hash
of (release, overlay), another boot id than before where the release brings other code, status healthy. Each budget is a
number of devices, in permyriad of the wave or as such; one device over it, and the wave is bad at once, in its middle
too. No data is never good.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Final

import msgspec

from pyv_fleet.core.policy import Budgets
from pyv_fleet.core.words import MemberStanding, Verdict, WaveState
from pyvorin_edge.identity import Digest
from pyvorin_edge.vocabulary import Cause, Connectivity, HealthStatus, Outcome, Phase, WaitingFor

PERMYRIAD_ALL: Final = 10_000

#: Failures after the switch: the device had the release in force and went back by itself.
AFTER_SWITCH: Final = frozenset(
    {Cause.GATE, Cause.SWITCH, Cause.BOOT_LOOP, Cause.CUT_OFF, Cause.UNREACHED, Cause.POWER}
)

#: Failures before the switch that the device tries again by itself, with back-off (PROTOCOL 5, rule 6).
TRIED_AGAIN: Final = frozenset({Cause.FETCH, Cause.DISK, Cause.HOOK})

#: What a device may wait for without its wave's deadline running: its window, and a turn that the controller gives.
NOT_ITS_FAULT: Final = frozenset({WaitingFor.WINDOW})

_UNDER_WAY: Final = frozenset({MemberStanding.APPLYING, MemberStanding.WAITING, MemberStanding.RETRYING})

#: A device that started so often since the wave began is crashing, whatever it says of itself: one start is the
#: release's own, the others are let pass as power cuts (rule 6 lets a device itself no more).
STARTS_MAX: Final = 4


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
    #: so many of the judged that were online must be well for the soak to run; none = all but what the budgets allow
    success_permyriad: int | None = None
    #: for so long it waits for devices that were offline at its start
    deferred_seconds: int = 0
    #: the release brings other code: who says that it runs it must have started anew
    other_code: bool = False
    #: devices that a person took out of the judgement
    skipped: frozenset[str] = frozenset()


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
    waiting_for: WaitingFor | None = None
    #: whether its boot id is the one that it had when the wave began, on another release
    same_boot: bool = False
    #: starts since the wave began
    starts: int = 0


class Wave(msgspec.Struct, frozen=True, kw_only=True):
    """A wave under judgement."""

    number: int
    state: WaveState = WaveState.APPLYING
    #: Unix ms
    started_at: int
    #: whether all that it waits for wait for their window or their turn: then its deadline does not run
    idle: bool = False
    #: Unix ms: the deadline counts from here, once it was idle
    counted_from: int | None = None
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
    waiting: int = 0
    retrying: int = 0
    skipped: int = 0

    @property
    def judged(self) -> int:
        """By how many the wave is judged."""
        return self.devices - self.skipped


def judge(wave: Wave, terms: Terms, members: Sequence[Facts], now: int) -> tuple[Wave, Tally]:
    """The wave as it stands now, its verdict once there is one, and the count of its members."""
    late = now >= (wave.counted_from or wave.started_at) + terms.deadline_seconds * 1000
    standings = {facts.device_id: standing_of(facts, terms, now, late=late and not wave.idle) for facts in members}
    tally = tally_of(members, standings)
    broken = _broken_budget(tally, terms.budgets)
    if broken is not None:
        return _judged(wave, Verdict.BAD, _accusation(broken, members, standings, terms), now), tally
    waiting = _waiting_for(wave, terms, members, standings, tally, now)
    if waiting is None:
        return _soaked(wave, terms, tally, now), tally
    wave = _idled(wave, tally, now)
    if late and not wave.idle and wave.counted_from != now:
        after = f"after {terms.deadline_seconds} s {waiting}: it cannot be judged, a person must look"
        return _judged(wave, Verdict.INCONCLUSIVE, after, now), tally
    return msgspec.structs.replace(wave, state=WaveState.APPLYING, applied_at=None, because=waiting), tally


def relapse(terms: Terms, members: Sequence[Facts], now: int) -> str | None:
    """After a wave was judged good, while the next is waited for: what broke a budget since, in a sentence."""
    standings = {facts.device_id: standing_of(facts, terms, now) for facts in members}
    broken = _broken_budget(tally_of(members, standings), terms.budgets)
    return None if broken is None else _accusation(broken, members, standings, terms)


def standing_of(facts: Facts, terms: Terms, now: int, *, late: bool = False) -> MemberStanding:
    """Where one member stands in the wave; `late`: the deadline is over, and who still tries again has failed."""
    if facts.device_id in terms.skipped:
        return MemberStanding.SKIPPED
    if _ended_badly(facts, terms):
        if facts.result_code in AFTER_SWITCH:
            return MemberStanding.REVERTED
        again = facts.result_outcome is Outcome.FAILED and facts.result_code in TRIED_AGAIN and not late
        return MemberStanding.RETRYING if again else MemberStanding.FAILED
    silent = _is_silent(facts, terms, now)
    if _has_committed(facts, terms):
        if silent:
            return MemberStanding.LOST if facts.online_at_start else MemberStanding.DEFERRED
        sick = facts.health is HealthStatus.UNHEALTHY or facts.starts > STARTS_MAX
        return MemberStanding.UNHEALTHY if sick else MemberStanding.COMMITTED
    if not facts.online_at_start:
        return MemberStanding.DEFERRED
    if silent:
        return MemberStanding.LOST
    return MemberStanding.WAITING if facts.waiting_for in NOT_ITS_FAULT else MemberStanding.APPLYING


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
        waiting=counted[MemberStanding.WAITING],
        retrying=counted[MemberStanding.RETRYING],
        skipped=counted[MemberStanding.SKIPPED],
    )


def allowed(permyriad: int, devices: int, most: int | None = None) -> int:
    """How many devices of a wave a budget lets go wrong, rounded down (2 % of one canary is none), `most` at most."""
    share = devices * permyriad // PERMYRIAD_ALL
    return share if most is None else min(share, most)


def budgeted(budgets: Budgets, devices: int) -> dict[MemberStanding, int]:
    """How many devices of so many each budget lets go wrong; the order is that of accusation."""
    return {
        MemberStanding.REVERTED: allowed(budgets.reverted_permyriad, devices, budgets.reverted_max),
        MemberStanding.FAILED: allowed(budgets.failed_permyriad, devices, budgets.failed_max),
        MemberStanding.UNHEALTHY: allowed(budgets.unhealthy_permyriad, devices, budgets.unhealthy_max),
        MemberStanding.LOST: allowed(budgets.lost_permyriad, devices, budgets.lost_max),
    }


def cause_sentence(facts: Facts, standing: MemberStanding, terms: Terms) -> str:
    """What happened to one device, named, with its own words on the cause."""
    match standing:
        case MemberStanding.REVERTED:
            return f"{facts.device_id} went back by itself: {_own_words(facts)}"
        case MemberStanding.FAILED:
            verb = "refused the release" if facts.result_outcome is Outcome.REJECTED else "could not take the release"
            return f"{facts.device_id} {verb}: {_own_words(facts)}"
        case MemberStanding.UNHEALTHY:
            if facts.starts > STARTS_MAX:
                return f"{facts.device_id} took the release and started {facts.starts} times under it"
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
            waits = f", {facts.waiting_for.sentence}" if facts.waiting_for is not None else ""
            return f"{facts.device_id} has not taken the release yet ({facts.phase or 'it has not reported'}{waits})"


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


def _idled(wave: Wave, tally: Tally, now: int) -> Wave:
    """Its deadline stands still while all that it waits for wait through no fault of theirs, and begins anew after."""
    open_ones = tally.judged - tally.committed - tally.deferred - tally.failed - tally.reverted - tally.lost
    idle = tally.waiting > 0 and tally.waiting == open_ones
    if idle == wave.idle:
        return wave
    return msgspec.structs.replace(wave, idle=idle, counted_from=wave.counted_from if idle else now)


def _waiting_for(
    wave: Wave,
    terms: Terms,
    members: Sequence[Facts],
    standings: Mapping[str, MemberStanding],
    tally: Tally,
    now: int,
) -> str | None:
    """What keeps the wave from soaking; none = so many are well as the terms ask for."""
    open_ones = [facts for facts in members if standings[facts.device_id] in _UNDER_WAY]
    if tally.committed == 0:
        if tally.deferred == tally.judged:
            return "none of its devices is online" if tally.judged else "all of its devices were skipped"
        if not open_ones:
            return "none of its devices took it"
    if terms.success_permyriad is not None and tally.healthy:
        wanted = -(-(tally.judged - tally.deferred) * terms.success_permyriad // PERMYRIAD_ALL)
        if tally.healthy >= wanted:
            return None
    if open_ones:
        first = cause_sentence(open_ones[0], standings[open_ones[0].device_id], terms)
        return f"{len(open_ones)} of {tally.devices} devices have not taken it yet: {first}"
    if tally.deferred and now < wave.started_at + terms.deferred_seconds * 1000:
        return f"{tally.deferred} of {tally.devices} devices were offline at its start and are waited for"
    if tally.deferred > allowed(terms.budgets.deferred_permyriad, tally.judged):
        return (
            f"{tally.deferred} of {tally.devices} devices were offline at its start: too many to judge it by the rest"
        )
    unwell = [
        facts
        for facts in members
        if standings[facts.device_id] is MemberStanding.COMMITTED and not _is_well(facts, standings)
    ]
    most = budgeted(terms.budgets, tally.judged)[MemberStanding.UNHEALTHY]
    if len(unwell) + tally.unhealthy > most:
        return f"{len(unwell)} of {tally.devices} devices took it and are not well: {_unwell(unwell[0])}"
    return None


def _unwell(facts: Facts) -> str:
    if facts.connectivity is not Connectivity.ONLINE:
        return f"{facts.device_id} is {facts.connectivity}"
    return f"{facts.device_id} is {facts.health}"


def _broken_budget(tally: Tally, budgets: Budgets) -> MemberStanding | None:
    counts = {
        MemberStanding.REVERTED: tally.reverted,
        MemberStanding.FAILED: tally.failed,
        MemberStanding.UNHEALTHY: tally.unhealthy,
        MemberStanding.LOST: tally.lost,
    }
    return next((kind for kind, most in budgeted(budgets, tally.judged).items() if counts[kind] > most), None)


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
        and not (terms.other_code and facts.same_boot)
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
