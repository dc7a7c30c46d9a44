"""Key paths whose drift is not counted, each with a reason and an end: checked when set, over when their time is."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Iterable, Sequence
from typing import Annotated, Any, Final

import msgspec
from msgspec import Meta

from pyv_fleet.core.policy import unix_ms
from pyv_fleet.core.views.groups import GroupDrift, GroupIgnore
from pyvorin_edge.errors import PyvorinError
from pyvorin_edge.orders import Ignored, OwnDriftTerms
from pyvorin_edge.vocabulary import DriftPolicy

#: of one channel or group that are in force; what a device's order has room for
IGNORES_MAX: Final = 16
#: an end beyond this is none
DAYS_MAX: Final = 366
#: ended ones are shown for so long
KEPT_DAYS: Final = 30
REASON_LETTERS_MAX: Final = 200
_DAY_MS: Final = 86_400_000
#: RFC 6901: `~` is written `~0`, `/` within a key `~1`
_POINTER: Final = re.compile(r"(?:/(?:[^~/\x00-\x1f\x7f]|~[01])+)+")


class IgnoreRefused(PyvorinError):
    """An ignore rule that cannot be; `errors` names each thing that is wrong."""

    def __init__(self, errors: tuple[str, ...]) -> None:
        super().__init__("; ".join(errors))
        self.errors = errors


class Ignore(msgspec.Struct, frozen=True, kw_only=True):
    """One rule. What lies below the pointer is ignored with it. Times are Unix ms."""

    pointer: Annotated[str, Meta(min_length=1, max_length=256)]
    reason: Annotated[str, Meta(min_length=1, max_length=512)]
    until: int
    #: who set it, and when; blank where it came with an order
    by: str = ""
    at: int = 0


def rules_of(stored: Sequence[dict[str, Any]]) -> tuple[Ignore, ...]:
    """As a store keeps them."""
    return tuple(msgspec.convert(one, Ignore) for one in stored)


def refuse_ignore(rule: Ignore, now_ms: int) -> None:
    """IgnoreRefused with all that is wrong with a rule that is set now."""
    errors = wrong_in(rule.pointer, rule.reason)
    if rule.until <= now_ms:
        errors.append(f"until: {_said(rule.until)} is over")
    elif rule.until > now_ms + DAYS_MAX * _DAY_MS:
        errors.append(
            f"until: {_said(rule.until)} is more than {DAYS_MAX} days away: what is to stay belongs in a release"
        )
    if errors:
        raise IgnoreRefused(tuple(errors))


def wrong_in(pointer: str, reason: str) -> list[str]:
    """What is wrong with a rule, whenever it ends."""
    errors = []
    if not _POINTER.fullmatch(pointer):
        errors.append(
            f"pointer: {pointer!r} is no JSON Pointer to a key: write it as /sensors/poll_interval_seconds, "
            "with ~1 for a / within a key"
        )
    if not reason.strip():
        errors.append("reason: say why; who reads it later must know")
    elif len(reason) > REASON_LETTERS_MAX:
        errors.append(f"reason: {len(reason)} letters, {REASON_LETTERS_MAX} are allowed: it travels to devices")
    return errors


def in_force(rules: Sequence[Ignore], now_ms: int) -> tuple[Ignore, ...]:
    """Those whose time is not over."""
    return tuple(rule for rule in rules if rule.until > now_ms)


def with_rule(rules: Sequence[Ignore], rule: Ignore, now_ms: int) -> tuple[Ignore, ...]:
    """With one more, in the place of one for the same pointer; those long over go. IgnoreRefused if it cannot be."""
    refuse_ignore(rule, now_ms)
    kept = [one for one in rules if one.pointer != rule.pointer and one.until > now_ms - KEPT_DAYS * _DAY_MS]
    made = tuple(sorted((*kept, rule), key=lambda one: one.pointer))
    if len(in_force(made, now_ms)) > IGNORES_MAX:
        raise IgnoreRefused((f"{IGNORES_MAX} rules are in force already, more do not fit into an order: remove one",))
    return made


def without(rules: Sequence[Ignore], pointer: str) -> tuple[Ignore, ...] | None:
    """Without the rule for a pointer; none if there is none."""
    left = tuple(one for one in rules if one.pointer != pointer)
    return left if len(left) < len(rules) else None


def ordered(rules: Sequence[Ignore], now_ms: int) -> tuple[Ignored, ...]:
    """As an order carries those in force."""
    return tuple(Ignored(pointer=one.pointer, reason=one.reason, until=one.until) for one in in_force(rules, now_ms))


def rules_in(terms: GroupDrift) -> tuple[Ignore, ...]:
    """What a group ignores."""
    return tuple(
        Ignore(
            pointer=one.pointer,
            reason=one.reason,
            until=unix_ms(one.until),
            by=one.set_by,
            at=0 if one.set_at is None else unix_ms(one.set_at),
        )
        for one in terms.ignore
    )


def as_group_says(rules: Sequence[Ignore]) -> tuple[GroupIgnore, ...]:
    """The same, as a group's terms hold it."""
    return tuple(
        GroupIgnore(
            pointer=one.pointer,
            reason=one.reason,
            until=_moment(one.until),
            set_by=one.by,
            set_at=_moment(one.at) if one.at else None,
        )
        for one in rules
    )


def joined(said: Iterable[tuple[int, str, DriftPolicy | None, Sequence[Ignore]]]) -> OwnDriftTerms | None:
    """What (priority, group, policy, rules) of all of a device's groups come to; none = nothing is said.

    The policy of the highest that names one; of two rules for one pointer, the one that ends later.
    IgnoreRefused if an assignment has no room for them.
    """
    policy: DriftPolicy | None = None
    rules: dict[str, Ignore] = {}
    for _, _, wanted, ignored in sorted(said, key=lambda one: one[:2]):
        policy = wanted or policy
        for rule in ignored:
            if rule.pointer not in rules or rules[rule.pointer].until < rule.until:
                rules[rule.pointer] = rule
    if len(rules) > IGNORES_MAX:
        raise IgnoreRefused((f"its groups ignore {len(rules)} key paths, {IGNORES_MAX} at most",))
    if policy is None and not rules:
        return None
    ignore = tuple(Ignored(pointer=one.pointer, reason=one.reason, until=one.until) for _, one in sorted(rules.items()))
    return OwnDriftTerms(policy=policy, ignore=ignore)


def _moment(at_ms: int) -> dt.datetime:
    return dt.datetime.fromtimestamp(at_ms / 1000, dt.UTC)


def _said(at_ms: int) -> str:
    try:
        return _moment(at_ms).isoformat(timespec="minutes").replace("+00:00", "Z")
    except (OverflowError, ValueError):
        return "that time"
