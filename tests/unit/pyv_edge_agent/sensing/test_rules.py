"""A rule fires once when its condition has held long enough, and clears once."""

from __future__ import annotations

from typing import Any

import pytest

from pyv_edge_agent.sensing.rules import IDLE, Rule, message_of
from pyv_edge_agent.sensing.settings import RuleSettings
from pyvorin_edge.expression import NotKnownYet, Undecided


class Value:
    def __init__(self, value: Any) -> None:
        self.value = value

    def fact(self, name: str) -> Any:
        if name != "value":
            raise NotKnownYet(name)
        return self.value

    def latest(self, sensor_name: str) -> Any:
        raise NotKnownYet(sensor_name)


def told(rule: Rule, *points: tuple[float, Any]) -> list[str | None]:
    state, found = IDLE, []
    for at, value in points:
        state, said = rule.judge(state, Value(value), at)
        found.append(None if said is None else said.value)
    return found


def rule(**settings: Any) -> Rule:
    return Rule(RuleSettings(**{"name": "r", "when": "value > 30", **settings}))


def test_it_fires_once_and_clears_once() -> None:
    assert told(rule(), (0, 20), (1, 31), (2, 32), (3, 30), (4, 29)) == [None, "fired", None, "cleared", None]


def test_it_must_hold_without_a_break_for_its_time() -> None:
    held = rule(for_seconds=10)
    assert told(held, (0, 31), (9, 31), (9.5, 20), (10, 31), (19, 31), (20, 31)) == [None] * 5 + ["fired"]


def test_between_the_two_conditions_it_stays_as_it_is() -> None:
    steady = rule(clear_when="value < 25")
    assert told(steady, (0, 31), (1, 27), (2, 31), (3, 24), (4, 27)) == ["fired", None, None, "cleared", None]


def test_it_does_not_fire_again_while_it_cools() -> None:
    cooling = rule(cooldown_seconds=10)
    points = [(0, 31), (1, 0), (2, 31), (9, 31), (10, 31)]
    assert told(cooling, *points) == ["fired", "cleared", None, None, "fired"]


def test_what_has_no_answer_is_left_to_the_caller() -> None:
    with pytest.raises(Undecided):
        rule().judge(IDLE, Value("warm"), 0.0)


def test_a_rule_says_what_it_asks_for() -> None:
    asks = rule(clear_when='mean < 3 and latest("door") == "open"')
    assert (asks.names, asks.sensors) == ({"value", "mean"}, {"door"})


def test_a_message_is_filled_in_once() -> None:
    settings = RuleSettings(name="r", when="true", message="{rule}: {sensor} at {value} {unit}, {other} {value}")
    assert message_of(settings, "{value}", 21.50, "C") == "r: {value} at 21.5 C, {other} 21.5"
    assert message_of(settings, "t", "{unit}", "C") == "r: t at {unit} C, {other} {unit}"
