"""Waves: one written form, and exactly which devices it means (PROTOCOL 5, golden).

The form: `1%`, `0.5%`, `20`, `all` (or `100%`), `kind=real`, `site=berlin,munich`, `kind=real:1`, `kind=real:10%`, or
devices by name: `id=FLEET-0a1b2c3d4e5f,FLEET-1b2c3d4e5f6a`.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Final

import msgspec

from pyv_fleet.core.policy import HoldOut
from pyvorin_edge.errors import IdentityError, PyvorinError
from pyvorin_edge.identity import DeviceId, Digest, order_hash, parse_device_id, parse_label
from pyvorin_edge.orders import Rule
from pyvorin_edge.vocabulary import RuleKind

PERMYRIAD_ALL: Final = 10_000
IDS_MAX: Final = 32
BY_NAME: Final = "id="
"""Before named devices; a label of that name cannot be used in a wave."""
_PERCENT: Final = re.compile(r"(\d{1,3})(?:\.(\d{1,2}))?%")
_COUNT: Final = re.compile(r"[1-9]\d{0,8}")


class WaveError(PyvorinError):
    """A wave that cannot be read, means no device, or leaves out the canary; the message names it."""


class Cohort(msgspec.Struct, frozen=True, kw_only=True):
    """Which devices a wave means, as written: a label's values, and how many; neither `count` nor `permyriad` = all.

    Or the named ones, and nothing else.
    """

    ids: tuple[str, ...] = ()
    label: str | None = None
    values: tuple[str, ...] = ()
    count: int | None = None
    permyriad: int | None = None

    @property
    def everybody(self) -> bool:
        """Whether it is the whole channel, whatever devices join."""
        return not self.ids and self.label is None and self.count is None and self.permyriad is None

    @property
    def where(self) -> dict[str, tuple[str, ...]] | None:
        """The rule's `where`."""
        return None if self.label is None else {self.label: self.values}

    def __str__(self) -> str:
        if self.ids:
            return BY_NAME + ",".join(self.ids)
        amount = _written_amount(self)
        if self.label is None:
            return amount or "100%"
        condition = f"{self.label}={','.join(self.values)}"
        return f"{condition}:{amount}" if amount else condition


class Candidate(msgspec.Struct, frozen=True):
    """A device that a wave may take: unpinned, of the channel, offline or not, with its assigned labels."""

    device_id: str
    labels: dict[str, str] = {}


class Line(msgspec.Struct, frozen=True, kw_only=True):
    """A cohort resolved, as a rule carries it; kept for the rollout's life, so that no device leaves a wave again."""

    where: dict[str, tuple[str, ...]] | None = None
    #: none = all that `where` matches
    below: str | None = None
    ids: tuple[str, ...] | None = None

    def covers(self, other: Line) -> bool:
        """Whether every device of `other` is surely in here, so that its rule may be left out."""
        if self.ids is not None:
            return other.ids is not None and set(other.ids) <= set(self.ids)
        if other.ids is not None:
            return self.where is None and self.below is None
        same_or_wider = self.where is None or self.where == other.where
        return same_or_wider and (self.below is None or (other.below is not None and other.below <= self.below))


def parse_cohort(text: str) -> Cohort:
    """The written form as a cohort; WaveError says what to write."""
    written = text.strip()
    if "=" not in written:
        return _with_amount(text, written, Cohort())
    if written.startswith(BY_NAME):
        return _named(text, written.removeprefix(BY_NAME))
    condition, colon, amount = written.partition(":")
    cohort = _condition(text, condition)
    return _with_amount(text, amount, cohort) if colon else cohort


def parse_waves(texts: Sequence[str]) -> tuple[Cohort, ...]:
    """A rollout's waves. The last must be everybody: a part that is to stay is a paused or an aborted rollout."""
    cohorts = tuple(parse_cohort(text) for text in texts)
    if not cohorts or not cohorts[-1].everybody:
        raise WaveError(
            "the last wave must be 100%: to stay on a part, pause the rollout there, or abort it with --stay"
        )
    return cohorts


def resolve(cohort: Cohort, population: Iterable[Candidate], salt: str, earlier: Sequence[Line] = ()) -> Line:
    """The line of a wave over the devices as they are now.

    Exactly as many devices as written, those of earlier waves counted in (a percentage: rounded down, at least one);
    fewer only where there are fewer, more only where earlier waves already took more.
    """
    if cohort.ids:
        return Line(ids=cohort.ids)
    if cohort.count is None and cohort.permyriad is None:
        return Line(where=cohort.where)
    matching = [device for device in population if _has_labels(device, cohort.where)]
    wanted = _wanted(cohort, len(matching))
    have = sum(1 for device in matching if in_any(earlier, salt, device))
    places = sorted((order_hash(salt, device.device_id), in_any(earlier, salt, device)) for device in matching)
    return Line(where=cohort.where, below=_line_after(places, max(0, wanted - have)))


def in_line(line: Line, salt: str, device: Candidate) -> bool:
    """Whether a device is within a line; the same test that `orders.matches` makes for the line's rule."""
    if line.ids is not None and device.device_id not in line.ids:
        return False
    return _has_labels(device, line.where) and (line.below is None or order_hash(salt, device.device_id) < line.below)


def in_any(lines: Sequence[Line], salt: str, device: Candidate) -> bool:
    """Whether a device is within a wave or one of those before it."""
    return any(in_line(line, salt, device) for line in lines)


def members(lines: Sequence[Line], population: Iterable[Candidate], salt: str) -> tuple[str, ...]:
    """The ids of all devices within the lines, in the order of their hashes: the list to freeze and judge by."""
    inside = [device.device_id for device in population if in_any(lines, salt, device)]
    return tuple(sorted(inside, key=lambda device_id: order_hash(salt, device_id)))


def refuse_without_canary(
    cohorts: Sequence[Cohort],
    population: Sequence[Candidate],
    salt: str,
    *,
    golden: Digest | None,
    emergency: bool = False,
) -> None:
    """Canary first: WaveError if a rollout's first wave would be a whole channel.

    Our rule. The first wave must leave at least one device out, except
    (1) in a channel of a single device, which has nothing to leave out, and
    (2) for the very first release of a channel: a directive's last rule has no conditions and names a release, so there
    is nothing that the rest could be told to stay on. That one goes to all devices at once, and each falls back to
    its provisioned config by its own gate; a smaller first wave is refused, not silently widened.
    (3) an admin's emergency, which is audited and shown until somebody acknowledges it.
    Also refused: a channel without devices, and a wave whose labels no device has.
    """
    if not population:
        raise WaveError("the channel has no device that follows it: there is nothing to try the release on")
    for index, cohort in enumerate(cohorts):
        strangers = set(cohort.ids) - {device.device_id for device in population}
        if strangers:
            raise WaveError(f"wave {index + 1} names {min(strangers)}, which does not follow the channel")
        if not any(_has_labels(device, cohort.where) for device in population):
            raise WaveError(f"wave {index + 1} ({cohort}) matches no device of the channel")
    if golden is None:
        if not cohorts[0].everybody:
            raise WaveError(
                "this is the channel's first release: there is no earlier one that the other devices could stay on; "
                "write it as one wave of 100%"
            )
        return
    first = members([resolve(cohorts[0], population, salt)], population, salt)
    if not emergency and len(population) > 1 and (cohorts[0].everybody or len(first) == len(population)):
        raise WaveError(
            f"wave 1 ({cohorts[0]}) would be all {len(population)} devices: begin with a canary, such as 1% or 1"
        )


def wave_rules(
    lines: Sequence[Line],
    *,
    salt: str,
    release: Digest,
    attempt: int,
    spread_seconds: int,
    baseline: Rule | None,
    hold_outs: Sequence[Rule] = (),
    carried: Sequence[Rule] = (),
) -> tuple[Rule, ...]:
    """A directive's rules while a rollout's waves up to now are open: hold-outs, one rule a line, the baseline last.

    `carried` are rollbacks of a selection that stand: those devices stay back until a wave takes them.
    """
    open_rules = tuple(
        Rule(
            kind=RuleKind.RELEASE,
            release=release,
            attempt=attempt,
            spread_seconds=spread_seconds,
            ids=None if line.ids is None else tuple(DeviceId(one) for one in line.ids),
            where=line.where,
            salt=None if line.below is None else salt,
            below=line.below,
        )
        for line in without_covered(lines)
    )
    return (*hold_outs, *closed_by(open_rules, baseline, carried))


def hold_out_rules(hold_outs: Sequence[HoldOut], attempts: Mapping[str, int]) -> tuple[Rule, ...]:
    """The rules before all others, by which held-out devices stay on their release; `attempts` by release."""
    return tuple(
        Rule(kind=RuleKind.RELEASE, release=Digest(one.release), attempt=attempts[one.release], where=one.where)
        for one in hold_outs
    )


def without_hold_outs(rules: Sequence[Rule], hold_outs: Sequence[HoldOut]) -> tuple[Rule, ...]:
    """A directive's rules without those that `hold_out_rules` put before them."""
    before = [(one.where, one.release) for one in hold_outs]
    count = len(before)
    led = [(rule.where, rule.release) for rule in rules[:count]] == before
    return tuple(rules[count:]) if led else tuple(rules)


def is_held_out(labels: Mapping[str, str], hold_outs: Sequence[HoldOut]) -> bool:
    """Whether a device stays on another release whatever rolls out on its channel."""
    return any(all(labels.get(label) in values for label, values in one.where.items()) for one in hold_outs)


def hold_rules(
    *,
    release: Digest,
    attempt: int,
    baseline: Rule | None,
    hold_outs: Sequence[Rule] = (),
    carried: Sequence[Rule] = (),
) -> tuple[Rule, ...]:
    """A directive's rules while a rollout holds: who has the release keeps it, nobody else takes it.

    Without a baseline (a channel's first release) nothing can be held: the release is already everybody's.
    """
    held = Rule(kind=RuleKind.RELEASE, release=release, attempt=attempt, hold=baseline is not None)
    return (*hold_outs, *closed_by((held,), baseline, carried))


def rolled_back(rules: Sequence[Rule]) -> tuple[Rule, ...]:
    """The rules of a directive that took a selection back, to be carried through what comes next."""
    return tuple(rule for rule in rules if rule.kind is RuleKind.ROLLBACK and rule.where is not None)


def closed_by(rules: tuple[Rule, ...], baseline: Rule | None, carried: Sequence[Rule] = ()) -> tuple[Rule, ...]:
    """`rules` up to the first that is open to all, else with the baseline behind them; WaveError without either."""
    for index, rule in enumerate(rules):
        if rule.open_to_all:
            return rules[: index + 1]
    if baseline is None:
        raise WaveError("a part of a channel needs a baseline for the rest")
    return (*rules, *carried, baseline)


def without_covered(lines: Sequence[Line]) -> tuple[Line, ...]:
    """The lines that no other one contains (of equal ones the last); all release the same, so order does not matter."""
    return tuple(line for index, line in enumerate(lines) if not _covered(index, line, lines))


def _covered(index: int, line: Line, lines: Sequence[Line]) -> bool:
    return any(
        other.covers(line) and (place > index or not line.covers(other))
        for place, other in enumerate(lines)
        if place != index
    )


def _line_after(places: Sequence[tuple[str, bool]], wanted: int) -> str | None:
    """Where the line runs so that just `wanted` devices that were not in before lie below; none = all of them."""
    if wanted == 0:
        return "0" * 16
    fresh = 0
    for index, (_, was_in) in enumerate(places):
        fresh += not was_in
        if fresh == wanted:
            return places[index + 1][0] if index + 1 < len(places) else None
    return None


def _wanted(cohort: Cohort, matching: int) -> int:
    if cohort.count is not None:
        return cohort.count
    return max(1, matching * (cohort.permyriad or 0) // PERMYRIAD_ALL)


def _has_labels(device: Candidate, where: Mapping[str, tuple[str, ...]] | None) -> bool:
    return where is None or all(device.labels.get(label) in values for label, values in where.items())


def _condition(text: str, condition: str) -> Cohort:
    label, _, rest = condition.partition("=")
    values = tuple(dict.fromkeys(rest.split(",")))
    try:
        for value in values:
            parse_label(f"{label}={value}")
    except IdentityError as why:
        raise WaveError(f"wave {text!r}: {why}") from None
    return Cohort(label=label, values=values)


def _named(text: str, names: str) -> Cohort:
    """Devices by name."""
    ids = tuple(dict.fromkeys(names.split(",")))
    if len(ids) > IDS_MAX:
        raise WaveError(f"wave {text!r}: a rule names {IDS_MAX} devices at most; give more of them a label")
    try:
        return Cohort(ids=tuple(parse_device_id(one) for one in ids))
    except IdentityError as why:
        raise WaveError(f"wave {text!r}: {why}") from None


def _with_amount(text: str, amount: str, cohort: Cohort) -> Cohort:
    if amount in ("all", "100%"):
        return cohort
    percent = _PERCENT.fullmatch(amount)
    if percent is not None:
        permyriad = int(percent[1]) * 100 + int((percent[2] or "0").ljust(2, "0"))
        if 0 < permyriad < PERMYRIAD_ALL:
            return msgspec.structs.replace(cohort, permyriad=permyriad)
        if permyriad == PERMYRIAD_ALL:
            return cohort
    elif _COUNT.fullmatch(amount):
        return msgspec.structs.replace(cohort, count=int(amount))
    raise WaveError(f"wave {text!r}: write 1%, 20, all, kind=real, site=a,b, kind=real:1 or id=FLEET-…,FLEET-…")


def _written_amount(cohort: Cohort) -> str:
    if cohort.count is not None:
        return str(cohort.count)
    if cohort.permyriad is None:
        return ""
    whole, rest = divmod(cohort.permyriad, 100)
    return f"{whole}.{rest:02d}".rstrip("0").rstrip(".") + "%" if rest else f"{whole}%"
