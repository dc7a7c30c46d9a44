"""From a reading to what is queued: privacy first, then windows, rules and policies.

Nothing behind the firewall ever sees what it did not let pass: so no window, message or other rule can tell it. What is
made of cleared readings passes the firewall again under its own name.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final, Self

import msgspec

from pyv_edge_agent.privacy_firewall.engine import Cleared
from pyv_edge_agent.sensing.policies import Fate, Label, Policies
from pyv_edge_agent.sensing.rules import IDLE, Rule, RuleState, message_of
from pyv_edge_agent.sensing.settings import PolicySettings, RuleSettings, WindowSettings
from pyv_edge_agent.sensing.windows import Window
from pyv_edge_agent.sensors.interface import SensorReading
from pyvorin_edge.expression import NotKnownYet, Undecided
from pyvorin_edge.patterns import matches
from pyvorin_edge.vocabulary import Aggregate, EventState, ItemKind, WindowMode

#: (name, value, metadata) → what may pass of it, none = nothing: `PrivacyFirewall.clear`
Clear = Callable[[str, Any, Mapping[str, Any]], Cleared | None]

_UNITS: Final[Mapping[Aggregate, Callable[[str], str]]] = {
    Aggregate.COUNT: lambda unit: "",
    Aggregate.RATE: lambda unit: f"{unit}/s" if unit else "",
}


class Settings(msgspec.Struct, frozen=True, kw_only=True):
    """The sections `windows`, `rules` and `policies`."""

    default_size: int = 60
    windows: tuple[WindowSettings, ...] = ()
    rules: tuple[RuleSettings, ...] = ()
    policies: tuple[PolicySettings, ...] = ()

    @classmethod
    def from_document(cls, document: Mapping[str, Any]) -> Self:
        """From an effective, validated document."""
        windows = document["windows"]
        return cls(
            default_size=windows["default_size"],
            windows=tuple(WindowSettings.from_document(one, windows["default_size"]) for one in windows["named"]),
            rules=tuple(RuleSettings.from_document(one) for one in document["rules"]),
            policies=tuple(PolicySettings.from_document(one) for one in document["policies"]),
        )


class Outgoing(msgspec.Struct, frozen=True):
    """One item for the queue."""

    label: Label
    fate: Fate
    body: dict[str, Any]


class Counts(msgspec.Struct):
    """What was done since the pipeline was made."""

    #: rules that fired
    fired: int = 0
    #: conditions that had no answer: a division by zero, text where a number is needed
    undecided: int = 0
    #: items that a policy left out
    left_out: int = 0


class _Plan(msgspec.Struct, frozen=True):
    """What is to be done with the readings of one sensor."""

    windows: tuple[Window, ...]
    #: with the window that each looks at
    rules: tuple[tuple[Rule, Window | None], ...]


class Pipeline:
    """Keeps windows, rule states and last values of all sensors. Called from one thread at a time."""

    def __init__(self, settings: Settings, clear: Clear, before: Pipeline | None = None) -> None:
        """`before`: the pipeline whose rule states go on, where a rule is the same; its values are not taken over."""
        self._settings = settings
        self._clear = clear
        self._rules = tuple(Rule(one) for one in settings.rules)
        self._policies = Policies(settings.policies)
        self._plans: dict[str, _Plan] = {}
        self._last: dict[str, tuple[Any, float]] = {}
        same = set(settings.rules)
        self._states: dict[tuple[RuleSettings, str], RuleState] = (
            {} if before is None else {key: state for key, state in before._states.items() if key[0] in same}
        )
        self.counts = Counts()

    def take(self, reading: SensorReading, at_seconds: float) -> list[Outgoing]:
        """All that one reading leads to, in the order in which it is to be queued. `at_seconds`: uptime."""
        cleared = self._clear(reading.sensor_name, reading.value, reading.metadata)
        if cleared is None:
            return []
        passed = SensorReading(reading.sensor_name, reading.timestamp, cleared.value, reading.unit, cleared.metadata)
        plan = self._plans.get(reading.sensor_name) or self._planned(reading.sensor_name)
        found = [self._fated(Label(ItemKind.READING, passed.sensor_name), _body(passed), at_seconds)]
        if _is_number(passed.value):
            found.extend(self._derived(plan, passed, at_seconds))
        found.extend(self._events(plan, passed, at_seconds))
        self._last[passed.sensor_name] = (passed.value, at_seconds)
        return [one for one in found if one is not None]

    def _derived(self, plan: _Plan, reading: SensorReading, at_seconds: float) -> Iterator[Outgoing | None]:
        for window in plan.windows:
            for what, value in window.add(float(reading.value or 0), at_seconds).items():
                name = f"{reading.sensor_name}.{window.settings.name}.{what}"
                about = {"sensor": reading.sensor_name, "window": window.settings.name, "aggregate": what.value}
                cleared = self._clear(name, value, about)
                if cleared is not None:
                    unit = _UNITS.get(what, str)(reading.unit)
                    made = SensorReading(name, reading.timestamp, cleared.value, unit, cleared.metadata)
                    yield self._fated(Label(ItemKind.DERIVED, name), _body(made, ItemKind.DERIVED), at_seconds)

    def _events(self, plan: _Plan, reading: SensorReading, at_seconds: float) -> Iterator[Outgoing | None]:
        for rule, window in plan.rules:
            told = self._judged(rule, _Known(reading, window, self._last, at_seconds), at_seconds)
            if told is None:
                continue
            if told is EventState.FIRED:
                self.counts.fired += 1
            settings = rule.settings
            cleared = self._clear(settings.name, reading.value, {})
            if cleared is not None:
                label = Label(ItemKind.EVENT, reading.sensor_name, settings.name, settings.severity)
                yield self._fated(label, _event(settings, told, reading, cleared.value), at_seconds)

    def _judged(self, rule: Rule, facts: _Known, at_seconds: float) -> EventState | None:
        key = (rule.settings, facts.sensor_name)
        try:
            state, told = rule.judge(self._states.get(key, IDLE), facts, at_seconds)
        except NotKnownYet:
            return None
        except Undecided:
            self.counts.undecided += 1
            return None
        self._states[key] = state
        return told

    def _fated(self, label: Label, body: dict[str, Any], at_seconds: float) -> Outgoing | None:
        fate = self._policies.fate(label, at_seconds)
        if fate is None:
            self.counts.left_out += 1
            return None
        return Outgoing(label, fate, body)

    def _planned(self, sensor_name: str) -> _Plan:
        windows = {one.name: Window(one) for one in self._settings.windows if matches(one.sensor_pattern, sensor_name)}
        usual = Window(WindowSettings(name="", mode=WindowMode.SLIDING, size=self._settings.default_size))
        rules: list[tuple[Rule, Window | None]] = []
        for rule in self._rules:
            if matches(rule.settings.sensor_pattern, sensor_name):
                chosen = rule.settings.window
                rules.append((rule, usual if chosen is None else windows.get(chosen)))
        needed = any(window is usual and rule.names & set(Aggregate) for rule, window in rules)
        plan = _Plan((*windows.values(), *((usual,) if needed else ())), tuple(rules))
        self._plans[sensor_name] = plan
        return plan


class _Known:
    """The facts of one reading, for conditions."""

    def __init__(
        self, reading: SensorReading, window: Window | None, last: Mapping[str, tuple[Any, float]], at_seconds: float
    ) -> None:
        self.sensor_name = reading.sensor_name
        self._reading = reading
        self._window = window
        self._last = last
        self._at_seconds = at_seconds

    def fact(self, name: str) -> Any:
        """See Facts."""
        if name == "value":
            return self._reading.value
        if name == "previous":
            return self.latest(self.sensor_name)
        if name == "elapsed":
            return self._at_seconds - self._before(self.sensor_name)[1]
        found = None if self._window is None else self._window.aggregate(Aggregate(name))
        if found is None:
            raise NotKnownYet("nothing is in the window yet")
        if not math.isfinite(found):
            raise Undecided("too large a number")
        return found

    def latest(self, sensor_name: str) -> Any:
        """See Facts."""
        return self._before(sensor_name)[0]

    def _before(self, sensor_name: str) -> tuple[Any, float]:
        found = self._last.get(sensor_name)
        if found is None:
            raise NotKnownYet("that sensor has not been read yet")
        return found


def _body(reading: SensorReading, kind: ItemKind = ItemKind.READING) -> dict[str, Any]:
    body = {
        "sensor_name": reading.sensor_name,
        "timestamp": reading.timestamp,
        "value": reading.value,
        "unit": reading.unit,
        "metadata": reading.metadata,
    }
    # a plain reading is as the article has it; what we made says so
    return body if kind is ItemKind.READING else {"kind": kind.value, **body}


def _event(rule: RuleSettings, state: EventState, reading: SensorReading, value: Any) -> dict[str, Any]:
    shown = SensorReading(reading.sensor_name, reading.timestamp, value, reading.unit, reading.metadata)
    return {
        **_body(shown, ItemKind.EVENT),
        "rule": rule.name,
        "state": state.value,
        "severity": rule.severity.value,
        "message": message_of(rule, reading.sensor_name, value, reading.unit),
    }


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)
