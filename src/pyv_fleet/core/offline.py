"""A rollback ordered with the directive key through the broker alone: what it comes to, by what the broker holds and
devices say, and the directive that wins at every device which holds any of that (decision 0026). Pure.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

import msgspec

from pyv_fleet.core.catching_up import behind_of
from pyv_fleet.core.recovery import ATTEMPT_MAX, REPORTED_AHEAD_MAX_MS, Found, FoundRelease, highest, last_issued_at
from pyv_fleet.core.rollback import RULES_MAX, Ran, Said, rollback_rules
from pyv_fleet.core.selectors import in_where, where_text
from pyvorin_edge.errors import PyvorinError
from pyvorin_edge.identity import Digest
from pyvorin_edge.orders import Directive, Rule
from pyvorin_edge.report import Report
from pyvorin_edge.trust import Trust
from pyvorin_edge.vocabulary import Connectivity, RuleKind

LAST_GOOD: Final = "last-good"
"""For `to`: what was the whole channel's release before the present one; during a rollout, its baseline."""
OFFLINE_BY: Final = "offline: "
"""How `issued_by` of such an order begins; who ordered it follows. It proves nothing: the key does."""
ATTEMPT_LEAP: Final = 1000
"""Attempts that no order and no report names any more are known to the store alone: a leap over them."""
GENERATION_MAX: Final = 2**63 - 1
DIRECTIVE_LIFE_MS: Final = 30 * 86_400_000
TEXT_MAX: Final = 512


class OfflineRefused(PyvorinError):
    """A rollback that is not signed; the message says why, and what would help."""


class Wish(msgspec.Struct, frozen=True, kw_only=True):
    """What a person wants. `channels` empty = all that it reaches; `where` empty = their every device."""

    #: a version, a digest or `last-good`
    to: str
    channels: tuple[str, ...] = ()
    where: dict[str, tuple[str, ...]] = {}
    reason: str
    #: who wants it
    by: str


class Part(msgspec.Struct, frozen=True, kw_only=True):
    """One channel's part, resolved."""

    channel: str
    release: FoundRelease
    #: what the broker holds there
    now: Directive
    #: whom the order is for, by id
    devices: tuple[str, ...]
    #: pinned: their own pin stands before it
    pinned: tuple[str, ...]
    rules: tuple[Rule, ...]
    generation: int
    attempt: int
    #: of its devices, those whose own floor is above the release: they will reject it
    floored: tuple[str, ...] = ()


def refuse_trust(trust: Trust, now_ms: int) -> None:
    """OfflineRefused while devices take no new order by this trust document, whoever signs it."""
    if trust.expired(now_ms):
        raise OfflineRefused(
            f"trust document {trust.version} has expired: devices take no new order before root signs its successor "
            "and the broker holds that"
        )


def resolve(
    found: Found, reports: Mapping[str, Report], wish: Wish, now_ms: int, given: Mapping[str, int] | None = None
) -> tuple[Part, ...]:
    """What a wish comes to; OfflineRefused for what stands in its way, or cannot be known without the store.

    `given`: generations by channel that were given out before, and perhaps never seen by anybody.
    """
    parts = []
    for name in _channels(found, wish):
        chosen = [
            one.order
            for one in found.assignments.values()
            if one.order.channel == name and in_where(wish.where, one.order.labels)
        ]
        if wish.where and not chosen and not wish.channels:
            continue  # the selection does not reach into this channel
        _refuse_stale_rest(found, reports, name, wish, now_ms)
        now = found.directives[name].order
        release = _goal(found, now, wish.to)
        _refuse_release(found.trust, release)
        attempt = next_attempt(found, reports, release.digest)
        devices = tuple(sorted(one.device_id for one in chosen if one.pin is None))
        parts.append(
            Part(
                channel=name,
                release=release,
                now=now,
                devices=devices,
                pinned=tuple(sorted(one.device_id for one in chosen if one.pin is not None)),
                rules=_rules(now, release.digest, attempt, wish),
                generation=next_generation(found, reports, name, now_ms, (given or {}).get(name, 0)),
                attempt=attempt,
                floored=tuple(one for one in devices if one in reports and reports[one].floor > release.order.security),
            )
        )
    if wish.where and not any(part.devices for part in parts):
        raise OfflineRefused(f"no device that the broker knows has {where_text(wish.where)}")
    return tuple(parts)


def compose(part: Part, wish: Wish, found: Found, now_ms: int) -> Directive:
    """The channel's next directive, with the terms of the one that stands. `issued_at` is later than any before."""
    issued_at = max(now_ms, last_issued_at(found) + 1)
    return msgspec.structs.replace(
        part.now,
        epoch=found.trust.epoch,
        generation=max(part.generation, issued_at),
        rules=part.rules,
        last_good=last_good_of(part.now) if wish.where else part.release.digest,
        issued_at=issued_at,
        expires_at=issued_at + DIRECTIVE_LIFE_MS,
        reason=wish.reason[:TEXT_MAX],
        issued_by=f"{OFFLINE_BY}{wish.by}"[:TEXT_MAX],
    )


def is_offline(issued_by: str, rules: Sequence[Rule]) -> bool:
    """Whether a directive says of itself that it is a rollback which was ordered through the broker alone."""
    return issued_by.startswith(OFFLINE_BY) and bool(rules) and rules[0].kind is RuleKind.ROLLBACK


def highest_generation(found: Found, reports: Mapping[str, Report], channel: str, now_ms: int) -> int:
    """Of a channel in this epoch: by its directive, by what assignments demand, by what devices hold and can hold."""
    epoch = found.trust.epoch
    numbers = [0]
    if (one := found.directives.get(channel)) is not None:
        numbers.append(one.order.generation)
    numbers += [
        one.order.min_generation
        for one in found.assignments.values()
        if one.order.channel == channel and one.order.epoch == epoch
    ]
    return max([*numbers, *(generation for _, generation in _reported(found, reports, channel, now_ms))])


def next_generation(found: Found, reports: Mapping[str, Report], channel: str, now_ms: int, given: int = 0) -> int:
    """One more than the highest that was seen or given, and not below the clock; OfflineRefused if none is left."""
    highest_seen = max(given, highest_generation(found, reports, channel, now_ms))
    if highest_seen >= GENERATION_MAX:
        raise OfflineRefused(
            f"channel {channel}: its directive has the highest number there is; root must raise the epoch first"
        )
    return max(now_ms, highest_seen + 1)


def next_attempt(found: Found, reports: Mapping[str, Report], release: Digest) -> int:
    """Higher than any that an order or a report names, and, by the leap, than what only the store knows of."""
    named: list[tuple[str, int]] = [
        (rule.release, rule.attempt) for one in found.directives.values() for rule in one.order.rules
    ]
    pins = (one.order.pin for one in found.assignments.values())
    named += [(pin.release, pin.attempt) for pin in pins if pin is not None]
    for report in reports.values():
        named += [(one.release, one.attempt) for one in (report.target, report.result) if one is not None]
    seen = highest(named).get(release, 0)
    return max(seen + 1, min(seen + ATTEMPT_LEAP, ATTEMPT_MAX))


def ran_of(rules: Sequence[Rule]) -> Ran | None:
    """The rollout that rules tell of: one release in waves before another that is open to all."""
    last = rules[-1]
    waves = [rule for rule in rules[:-1] if rule.kind is RuleKind.RELEASE and rule.release != last.release]
    if len({rule.release for rule in waves}) != 1:
        return None
    return Ran(waves[0].release, max(rule.attempt for rule in waves), last)


def last_good_of(now: Directive) -> Digest | None:
    """What `last-good` means by a directive alone: as its controller knew it when it signed, else, during a rollout and
    while a hold stands, what the rest stays on."""
    if any(rule.hold for rule in now.rules) or ran_of(now.rules) is not None:
        return now.rules[-1].release
    return now.last_good


def said_of(report: Report | None, connectivity: Connectivity, *, pinned: bool = False) -> Said:
    """What matters of a device for its way back, by its own words alone."""
    if report is None:
        return Said(connectivity=connectivity, pinned=pinned)
    running, result = report.running, report.result
    return Said(
        connectivity=connectivity,
        last_seen=report.at,
        pinned=pinned,
        epoch=report.epoch,
        generation=report.generation,
        phase=report.phase,
        waiting_for=report.waiting_for,
        running_release=running.release,
        running_version=running.version,
        result_release=None if result is None else result.release,
        result_attempt=None if result is None else result.attempt,
        result_outcome=None if result is None else result.outcome,
        result_code=None if result is None else result.code,
        result_detail=None if result is None else result.detail,
        refused=None if report.refused is None else report.refused.code,
    )


def _channels(found: Found, wish: Wish) -> tuple[str, ...]:
    """Those that are meant, each with a directive that can be believed."""
    names = tuple(dict.fromkeys(wish.channels)) or tuple(sorted(found.directives))
    unbelieved = [why for why in found.refused if "/channel/" in why.split(": ", 1)[0]]
    for name in names:
        if name not in found.directives:
            told = next((why for why in unbelieved if why.split(": ", 1)[0].endswith(f"/channel/{name}")), "")
            raise OfflineRefused(told or f"the broker holds no order of a channel {name!r}: nothing to go back from")
    if not wish.channels and unbelieved:
        raise OfflineRefused(f"what the broker holds is not believed: {'; '.join(unbelieved)}. Name the other channels")
    if not names:
        raise OfflineRefused("the broker holds no order that this fleet's keys signed: nothing to go back from")
    return names


def _refuse_stale_rest(found: Found, reports: Mapping[str, Report], channel: str, wish: Wish, now_ms: int) -> None:
    """A selection repeats the channel's other rules: they must be those that its devices hold."""
    if not wish.where:
        return
    known = found.directives[channel].order.generation
    behind = behind_of(channel, known, _reported(found, reports, channel, now_ms))
    if behind is not None:
        raise OfflineRefused(
            f"channel {channel}: {len(behind.devices)} devices, {behind.devices[0]} among them, hold directive "
            f"{behind.reported}, and the broker's is {known}: what the others are to run is not known. Roll the whole "
            "channel back"
        )


def _reported(found: Found, reports: Mapping[str, Report], channel: str, now_ms: int) -> list[tuple[str, int]]:
    """(device, generation) of this epoch; one far ahead of the clock lies, and must not use up the numbers."""
    return [
        (device_id, one.generation)
        for device_id, one in reports.items()
        if one.channel == channel
        and one.epoch == found.trust.epoch
        and 0 < one.generation <= now_ms + REPORTED_AHEAD_MAX_MS
    ]


def _goal(found: Found, now: Directive, to: str) -> FoundRelease:
    held = ", ".join(sorted(one.order.version for one in found.releases.values())) or "none"
    if to == LAST_GOOD:
        digest = last_good_of(now)
        if digest is None:
            raise OfflineRefused(
                f"channel {now.channel}: its order names no release that was the whole channel's before; name one of "
                f"those that the broker holds: {held}"
            )
        to = digest
    for one in found.releases.values():
        if to in (one.order.version, one.digest):
            return one
    raise OfflineRefused(f"the broker holds no release {to!r} that this fleet's keys signed; it holds: {held}")


def _refuse_release(trust: Trust, release: FoundRelease) -> None:
    """What devices would reject by the trust document (PROTOCOL 5, rule 9)."""
    version = release.order.version
    if release.digest in trust.revoked_releases:
        raise OfflineRefused(f"trust document {trust.version} revokes {version}")
    if release.order.security < trust.floor:
        raise OfflineRefused(f"{version} has security {release.order.security}, the floor is {trust.floor}")


def _rules(now: Directive, release: Digest, attempt: int, wish: Wish) -> tuple[Rule, ...]:
    rules = rollback_rules(release, attempt, where=wish.where, now=now.rules, ran=ran_of(now.rules))
    if len(rules) > RULES_MAX:
        raise OfflineRefused(
            f"channel {now.channel} would need {len(rules)} rules, devices take {RULES_MAX}: roll it back whole"
        )
    return rules
