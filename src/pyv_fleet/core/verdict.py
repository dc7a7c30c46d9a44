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

from pyv_fleet.core.members import STARTS_MAX, Facts, Terms, cause_sentence, unwell_words, waits_for_turn
from pyv_fleet.core.policy import Budgets
from pyv_fleet.core.words import MemberStanding, Verdict, WaveState
from pyvorin_edge.vocabulary import Cause, Connectivity, HealthStatus, Outcome, Phase, WaitingFor

PERMYRIAD_ALL: Final = 10_000

#: Failures after the switch: the device had the release in force and went back by itself.
AFTER_SWITCH: Final = frozenset(
    {Cause.GATE, Cause.SWITCH, Cause.BOOT_LOOP, Cause.CUT_OFF, Cause.UNREACHED, Cause.POWER}
)

#: Failures before the switch that the device tries again by itself, with back-off (PROTOCOL 5, rule 6).
TRIED_AGAIN: Final = frozenset({Cause.FETCH, Cause.DISK, Cause.HOOK})

#: What a device may wait for without its wave's deadline running: its window, and a turn that the controller gives.
NOT_ITS_FAULT: Final = frozenset({WaitingFor.WINDOW, WaitingFor.TURN})

_UNDER_WAY: Final = frozenset({MemberStanding.APPLYING, MemberStanding.WAITING, MemberStanding.RETRYING})


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
    #: of those, for their turn
    for_turn: int = 0
    retrying: int = 0
    skipped: int = 0

    @property
    def judged(self) -> int:
        """By how many the wave is judged."""
        return self.devices - self.skipped


def judge(wave: Wave, terms: Terms, members: Sequence[Facts], now: int) -> tuple[Wave, Tally]:
    """The wave as it stands now, its verdict once there is one, and the count of its members."""
    standings = {one.device_id: standing_of(one, terms, now, late=_is_late(wave, terms, one, now)) for one in members}
    tally = tally_of(members, standings)
    broken = _broken_budget(tally, terms.budgets)
    if broken is not None:
        return _judged(wave, Verdict.BAD, _accusation(broken, members, standings, terms), now), tally
    waiting = _waiting_for(wave, terms, members, standings, tally, now)
    if waiting is None:
        return _soaked(wave, terms, tally, now), tally
    wave = _idled(wave, tally, now)
    if _has_run_out(wave, terms, members, standings, now) and wave.counted_from != now:
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
        for_turn=sum(
            1 for one in members if standings[one.device_id] is MemberStanding.WAITING and waits_for_turn(one)
        ),
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


def _is_late(wave: Wave, terms: Terms, facts: Facts, now: int) -> bool:
    """Whether a device's deadline is over: it counts from the wave's start, or from its turn if that came later."""
    began = max(wave.counted_from or wave.started_at, facts.turn_at or 0)
    return not wave.idle and now >= began + terms.deadline_seconds * 1000


def _has_run_out(
    wave: Wave, terms: Terms, members: Sequence[Facts], standings: Mapping[str, MemberStanding], now: int
) -> bool:
    """Whether the time of one that is at it is over; where nobody is, that of all. Who waits as told is not late."""
    at_it = (MemberStanding.APPLYING, MemberStanding.RETRYING)
    working = [one for one in members if standings[one.device_id] in at_it]
    if working:
        return any(_is_late(wave, terms, one, now) for one in working)
    began = max((one.turn_at or 0 for one in members), default=0)
    began = max(began, wave.counted_from or wave.started_at)
    return not wave.idle and now >= began + terms.deadline_seconds * 1000


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
        return (
            f"{len(open_ones)} of {tally.devices} devices have not taken it yet: {_open(open_ones, standings, terms)}"
        )
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
        return f"{len(unwell)} of {tally.devices} devices took it and are not well: {unwell_words(unwell[0])}"
    return None


def _open(open_ones: Sequence[Facts], standings: Mapping[str, MemberStanding], terms: Terms) -> str:
    """What the first of them is at, and how many wait for their turn."""
    queued = [one for one in open_ones if standings[one.device_id] is MemberStanding.WAITING and waits_for_turn(one)]
    first = next((one for one in open_ones if one not in queued), None)
    said = [] if first is None else [cause_sentence(first, standings[first.device_id], terms)]
    if queued:
        at_once = f" ({terms.herd})" if terms.herd is not None else ""
        said.append(f"{len(queued)} {'waits' if len(queued) == 1 else 'wait'} for their turn{at_once}")
    return "; ".join(said)


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
