"""What a config may say about rules: a condition that cannot be read is refused before it is signed."""

from __future__ import annotations

from typing import Any

import pytest

from pyvorin_edge.config.document import problems, with_defaults

WINDOWS = {"named": [{"name": "minute", "sensor_pattern": "t*"}]}


def wrong(*rules: Any, substituted: bool = False, windows: Any = WINDOWS) -> list[str]:
    patch = {"rules": list(rules), "windows": windows, "sensors": {"devices": [{"name": "t1"}, {"name": "door"}]}}
    return [str(problem) for problem in problems(with_defaults(patch), substituted=substituted)]


RULE = {"name": "warm", "when": "value > 30"}


def test_a_whole_rule_is_valid() -> None:
    whole = {
        "clear_when": "value < 28",
        "sensor_pattern": "t*",
        "window": "minute",
        "for_seconds": 30,
        "cooldown_seconds": 60,
        "severity": "critical",
        "message": "{sensor} is at {value} {unit}",
    }
    assert wrong({**RULE, **whole}, {"name": "b", "when": 'latest("door") == "open"'}) == []


@pytest.mark.parametrize(
    ("rule", "sentence"),
    [
        ({"when": "true"}, "/rules/0/name: is missing"),
        ({"name": "a"}, "/rules/0/when: is missing"),
        ({**RULE, "when": "value >"}, "/rules/0/when: cannot be read at character"),
        ({**RULE, "when": "temp > 5"}, "/rules/0/when: unknown name at character 1; known are"),
        ({**RULE, "clear_when": "value ** 2 < 1"}, "/rules/0/clear_when: a power ** is not allowed"),
        ({**RULE, "when": 'latest("dor") == 1'}, "/rules/0/when: latest(…) names a sensor that is not"),
        ({**RULE, "window": "hour"}, "/rules/0/window: no window in windows.named has this name"),
        ({**RULE, "window": "minute"}, "/rules/0/window: that window does not take every sensor"),
        ({**RULE, "severity": "loud"}, "/rules/0/severity: must be info, warning or critical"),
        ({**RULE, "for_seconds": -1}, "/rules/0/for_seconds: must be at least 0"),
        ({**RULE, "wen": "x"}, "/rules/0/wen: unknown key"),
    ],
)
def test_each_fault_is_named_by_its_field(rule: dict[str, Any], sentence: str) -> None:
    assert any(line.startswith(sentence) for line in wrong(rule)), wrong(rule)


def test_a_condition_with_a_variable_is_read_after_substitution() -> None:
    assert wrong({**RULE, "when": "value > ${LIMIT:-30}"}) == []
    assert wrong({**RULE, "when": "value > ${LIMIT"}, substituted=True) != []


def test_the_usual_window_of_a_rule_is_counted_too() -> None:
    found = wrong({**RULE, "when": "mean > 30"}, windows={"default_size": 600_000})
    assert found == ["/windows/default_size: /rules/0 would keep 1200000 readings, at most 1000000 may be"]
    assert wrong(RULE, windows={"default_size": 600_000}) == []


def test_odd_sections_are_judged_without_a_crash() -> None:
    for windows in (5, {"named": 5}, {"named": [5]}, {"default_size": "x"}):
        assert wrong({**RULE, "when": "mean > 1", "window": "x"}, 7, windows=windows)
