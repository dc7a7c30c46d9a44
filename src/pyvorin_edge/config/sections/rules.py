"""`rules`: conditions over readings that raise events."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

from pyvorin_edge.config.problem import Problem
from pyvorin_edge.config.sections.bounds import SECONDS_MAX
from pyvorin_edge.config.sections.sensors import devices_of
from pyvorin_edge.config.sections.windows import READINGS_MAX
from pyvorin_edge.config.shapes import REQUIRED, ListOf, Number, Table, Text
from pyvorin_edge.expression import LETTERS_MAX, Expression, ExpressionError
from pyvorin_edge.patterns import matches
from pyvorin_edge.vocabulary import Aggregate, Severity

_RULE: Final = Table(
    keys={
        "name": Text(
            default=REQUIRED, nonempty=True, longest=128, means="Unique. Privacy rules and policies may name it."
        ),
        "when": Text(
            default=REQUIRED, nonempty=True, longest=LETTERS_MAX, means="The condition, asked at every reading."
        ),
        "clear_when": Text(
            nonempty=True, longest=LETTERS_MAX, means="When it is over. Without it: as soon as `when` holds no longer."
        ),
        "sensor_pattern": Text(
            default="*", nonempty=True, longest=256, means="For which sensors; each stands for itself."
        ),
        "window": Text(
            nonempty=True,
            longest=64,
            means="A name of `windows.named`. Without it: the last `windows.default_size` readings.",
        ),
        "for_seconds": Number(default=0, least=0, most=SECONDS_MAX, means="How long `when` must hold without a break."),
        "cooldown_seconds": Number(
            default=0, least=0, most=SECONDS_MAX, means="How long after it fired it does not fire again."
        ),
        "severity": Text(
            default=Severity.WARNING.value, words=tuple(Severity), means="Sets how its events are queued."
        ),
        "message": Text(default="", longest=500, means="`{rule}`, `{sensor}`, `{value}` and `{unit}` are filled in."),
    }
)
RULES: Final = ListOf(item=_RULE, most=256, unique="name")


def problems(document: dict[str, Any], substituted: bool) -> Iterator[Problem]:
    """What the table cannot say: whether each condition can be read, names a window and sensors that are configured."""
    rules = document.get("rules")
    for index, rule in enumerate(rules if isinstance(rules, list) else []):
        if isinstance(rule, dict):
            yield from _rule_problems(rule, f"/rules/{index}", document, substituted)


def _rule_problems(rule: dict[str, Any], here: str, document: dict[str, Any], substituted: bool) -> Iterator[Problem]:
    asked: set[str] = set()
    for key in ("when", "clear_when"):
        text = rule.get(key)
        if not isinstance(text, str) or not text.strip() or len(text) > LETTERS_MAX or _open(text, substituted):
            continue
        try:
            found = Expression(text)
        except ExpressionError as why:
            yield Problem(f"{here}/{key}", str(why))
            continue
        asked |= found.names
        if found.sensors - set(_names(document)):
            yield Problem(f"{here}/{key}", "latest(…) names a sensor that is not configured")
    yield from _window_problems(rule, here, document, bool(asked & set(Aggregate)))


def _window_problems(rule: dict[str, Any], here: str, document: dict[str, Any], aggregates: bool) -> Iterator[Problem]:
    windows = document.get("windows")
    if not isinstance(windows, dict):
        return
    chosen, pattern, size = rule.get("window"), rule.get("sensor_pattern"), windows.get("default_size")
    if isinstance(chosen, str):
        named = windows.get("named")
        named = [one for one in named if isinstance(one, dict)] if isinstance(named, list) else []
        known = [one.get("name") for one in named]
        if chosen and "${" not in chosen and chosen not in known:
            yield Problem(f"{here}/window", "no window in windows.named has this name")
        elif chosen in known:
            yield from _outside(here, pattern, named[known.index(chosen)].get("sensor_pattern"), document)
    elif aggregates and isinstance(size, int) and isinstance(pattern, str):
        kept = size * sum(1 for name in _names(document) if matches(pattern, name))
        if kept > READINGS_MAX:
            yield Problem("/windows/default_size", f"{here} would keep {kept} readings, at most {READINGS_MAX} may be")


def _outside(here: str, rule_pattern: Any, window_pattern: Any, document: dict[str, Any]) -> Iterator[Problem]:
    if not isinstance(rule_pattern, str) or not isinstance(window_pattern, str):
        return
    if any(matches(rule_pattern, name) and not matches(window_pattern, name) for name in _names(document)):
        yield Problem(f"{here}/window", "that window does not take every sensor that this rule is for")


def _names(document: dict[str, Any]) -> Iterator[str]:
    for device in devices_of(document):
        if isinstance(device, dict) and isinstance(name := device.get("name"), str):
            yield name


def _open(text: str, substituted: bool) -> bool:
    return not substituted and "${" in text
