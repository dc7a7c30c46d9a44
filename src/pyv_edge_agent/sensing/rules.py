"""Rules: a condition that holds for a while fires once, and clears once. Time is uptime, as in windows."""

from __future__ import annotations

import re
from typing import Any, Final

import msgspec

from pyv_edge_agent.sensing.settings import RuleSettings
from pyvorin_edge.expression import Expression, Facts
from pyvorin_edge.vocabulary import EventState

_WORD: Final = re.compile(r"\{(rule|sensor|value|unit)\}")


class RuleState(msgspec.Struct, frozen=True):
    """Where a rule stands with one sensor."""

    #: uptime since which `when` holds without a break; none = it does not
    since_seconds: float | None = None
    #: uptime at which it last fired; none = never
    fired_at_seconds: float | None = None
    active: bool = False


IDLE = RuleState()


class Rule:
    """A rule with its conditions compiled. It keeps no state: that comes in and goes out."""

    def __init__(self, settings: RuleSettings) -> None:
        """ExpressionError for a condition that the config check would not have let pass."""
        self.settings = settings
        self._when = Expression(settings.when)
        self._clear_when = None if settings.clear_when is None else Expression(settings.clear_when)
        also = self._clear_when
        #: of all that conditions may name, what these do
        self.names = self._when.names | (also.names if also is not None else frozenset())
        #: other sensors that it asks about
        self.sensors = self._when.sensors | (also.sensors if also is not None else frozenset())

    def judge(self, state: RuleState, facts: Facts, at_seconds: float) -> tuple[RuleState, EventState | None]:
        """The next state and what is to be told. Undecided if a condition has no answer; then the state stays."""
        if state.active:
            return self._judge_active(state, facts)
        if not self._when.decide(facts):
            return RuleState(None, state.fired_at_seconds), None
        since = at_seconds if state.since_seconds is None else state.since_seconds
        if at_seconds - since < self.settings.for_seconds or self._cools(state, at_seconds):
            return RuleState(since, state.fired_at_seconds), None
        return RuleState(since, at_seconds, active=True), EventState.FIRED

    def _judge_active(self, state: RuleState, facts: Facts) -> tuple[RuleState, EventState | None]:
        over = not self._when.decide(facts) if self._clear_when is None else self._clear_when.decide(facts)
        return (RuleState(None, state.fired_at_seconds), EventState.CLEARED) if over else (state, None)

    def _cools(self, state: RuleState, at_seconds: float) -> bool:
        fired = state.fired_at_seconds
        return fired is not None and at_seconds - fired < self.settings.cooldown_seconds


def message_of(rule: RuleSettings, sensor_name: str, value: Any, unit: str) -> str:
    """The rule's message with {rule}, {sensor}, {value} and {unit} filled in; what is filled in is not read again."""
    words = {"rule": rule.name, "sensor": sensor_name, "value": _said(value), "unit": unit}
    return _WORD.sub(lambda found: words[found[1]], rule.message)


def _said(value: Any) -> str:
    return f"{value:g}" if isinstance(value, float) else str(value)
