"""From a reading to the queue: what privacy holds back is told by nothing that is made of it."""

from __future__ import annotations

import json
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from pyv_edge_agent.cloud_sync.interface import Priority
from pyv_edge_agent.privacy_firewall.engine import PrivacyFirewall
from pyv_edge_agent.sensing.pipeline import Outgoing, Pipeline, Settings
from pyv_edge_agent.sensors.interface import SensorReading
from pyvorin_edge.config.document import problems, with_defaults


def settings(**sections: Any) -> Settings:
    devices = [{"name": name} for name in ("t1", "door", "secret-1")]
    document = with_defaults({"sensors": {"devices": devices}, **sections})
    assert problems(document) == ()
    return Settings.from_document(document)


def firewall(*rules: tuple[str, str]) -> PrivacyFirewall:
    said = [{"sensor_pattern": pattern, "action": action} for pattern, action in rules]
    return PrivacyFirewall.from_document({"enabled": True, "default": "allow", "rules": said}, device_key=b"key")


def pipeline(*privacy: tuple[str, str], **sections: Any) -> Pipeline:
    return Pipeline(settings(**sections), firewall(*privacy).clear)


def fed(made: Pipeline, name: str, *values: Any, began: float = 0.0) -> list[Outgoing]:
    return [
        one
        for at, value in enumerate(values)
        for one in made.take(SensorReading(name, 1000.0 + at, value, "C", {"room": 1}), began + at)
    ]


def told(found: list[Outgoing]) -> list[tuple[Any, ...]]:
    return [(one.label.kind.value, one.body["sensor_name"], one.body["value"]) for one in found]


WINDOW = {"named": [{"name": "w", "size": 2, "aggregates": ["mean", "rate"]}]}
WARM = {"name": "warm", "when": "value > 30", "message": "{sensor}: {value} {unit}"}


def test_a_plain_reading_is_queued_as_the_article_has_it() -> None:
    (found,) = fed(pipeline(), "t1", 20.5)
    assert found.body == {
        "sensor_name": "t1", "timestamp": 1000.0, "value": 20.5, "unit": "C", "metadata": {"room": 1}
    }  # fmt: skip
    assert found.fate.priority is Priority.TELEMETRY


def test_a_window_adds_derived_readings_that_say_what_they_are() -> None:
    found = fed(pipeline(windows=WINDOW), "t1", 20.0, 22.0)
    assert told(found) == [
        ("reading", "t1", 20.0), ("reading", "t1", 22.0), ("derived", "t1.w.mean", 21.0), ("derived", "t1.w.rate", 2.0)
    ]  # fmt: skip
    assert found[3].body["unit"] == "C/s"
    assert found[2].body["metadata"] == {"sensor": "t1", "window": "w", "aggregate": "mean"}


def test_a_rule_adds_an_event_when_it_fires_and_when_it_clears() -> None:
    made = pipeline(rules=[{**WARM, "severity": "critical"}])
    found = [one for one in fed(made, "t1", 20, 31, 32, 20) if one.label.kind == "event"]
    assert [(one.body["state"], one.body["message"]) for one in found] == [
        ("fired", "t1: 31 C"), ("cleared", "t1: 20 C")
    ]  # fmt: skip
    assert found[0].fate.priority is Priority.CRITICAL
    assert (found[0].body["rule"], found[0].body["severity"], found[0].body["kind"]) == ("warm", "critical", "event")
    assert made.counts.fired == 1


def test_rules_know_the_usual_window_a_named_one_the_reading_before_and_other_sensors() -> None:
    made = pipeline(
        windows={"default_size": 3, **WINDOW},
        rules=[
            {"name": "usual", "when": "count == 3 and mean == 2"},
            {"name": "named", "when": "count == 1", "window": "w"},
            {"name": "jump", "when": "value - previous > 5 and elapsed == 1"},
            {"name": "open", "when": 'latest("door") == "open"', "sensor_pattern": "t*"},
        ],
    )
    fed(made, "door", "open")
    found = fed(made, "t1", 1, 2, 3, 100)
    fired = [(one.body["rule"], one.body["timestamp"]) for one in found if one.body.get("state") == "fired"]
    assert fired == [("named", 1000.0), ("open", 1000.0), ("usual", 1002.0), ("named", 1002.0), ("jump", 1003.0)]


def test_what_cannot_be_decided_is_counted_and_raises_no_event() -> None:
    made = pipeline(rules=[{"name": "r", "when": "1 / value > 0"}, {"name": "early", "when": "previous > 0"}])
    assert len(fed(made, "t1", 0, "text")) == 2
    assert made.counts.undecided == 2  # a division by zero, a division by text; too early is no fault


def test_policies_have_the_last_word() -> None:
    made = pipeline(rules=[WARM], policies=[{"kind": "reading", "drop": True}, {"kind": "event", "ttl_seconds": 9}])
    (event,) = fed(made, "t1", 31)
    assert (event.label.kind, event.fate.ttl_seconds, made.counts.left_out) == ("event", 9, 1)


def test_a_dropped_sensor_is_told_by_no_window_no_rule_and_no_other_sensor() -> None:
    made = pipeline(
        ("secret*", "drop"),
        windows=WINDOW,
        rules=[WARM, {"name": "peek", "when": 'latest("secret-1") > 30', "sensor_pattern": "t1"}],
    )
    assert fed(made, "secret-1", 31, 32, 33) == []
    assert told(fed(made, "t1", 1)) == [("reading", "t1", 1)]
    assert made.counts.fired == 0


def test_a_masked_sensor_feeds_no_window_and_no_rule() -> None:
    made = pipeline(("secret*", "mask"), windows=WINDOW, rules=[WARM])
    assert told(fed(made, "secret-1", 31, 32)) == [("reading", "secret-1", "***")] * 2


def test_what_is_derived_and_events_have_names_of_their_own_for_privacy() -> None:
    made = pipeline(("*.mean", "drop"), ("*.rate", "mask"), ("warm", "mask"), windows=WINDOW, rules=[WARM])
    found = fed(made, "t1", 31, 33)
    assert told(found) == [
        ("reading", "t1", 31), ("event", "t1", "***"), ("reading", "t1", 33), ("derived", "t1.w.rate", "***")
    ]  # fmt: skip
    assert found[1].body["message"] == "t1: *** C"


def test_rules_that_are_the_same_go_on_where_they_stood_and_values_are_forgotten() -> None:
    before = pipeline(rules=[WARM], windows=WINDOW)
    fed(before, "t1", 31)
    new = settings(rules=[WARM, {"name": "new", "when": "value > 0"}], windows=WINDOW)
    after = Pipeline(new, firewall().clear, before)
    found = fed(after, "t1", 32, began=10.0)
    assert [one.body.get("rule") for one in found] == [None, "new"]
    changed = Pipeline(settings(rules=[{**WARM, "when": "value > 29"}]), firewall().clear, after)
    assert [one.body.get("rule") for one in fed(changed, "t1", 32, began=20.0)] == [None, "warm"]


CANARY = 31337.25


@given(
    st.lists(st.sampled_from(["value", "previous", "mean", "max", 'latest("secret-1")']), min_size=1, max_size=3),
    st.sampled_from(["drop", "mask", "hash"]),
    st.lists(st.sampled_from(["secret-1", "t1", "door"]), min_size=1, max_size=12),
)
def test_whatever_the_rules_a_withheld_value_is_in_nothing_that_is_queued(
    asked: list[str], action: str, order: list[str]
) -> None:
    rules = [{"name": f"r{index}", "when": f"{what} > 0", "message": "{value}"} for index, what in enumerate(asked)]
    windows = {"default_size": 2, "named": [{"name": "w", "size": 1, "aggregates": ["mean", "sum", "last"]}]}
    made = pipeline(("secret*", action), rules=rules, windows=windows)
    for at, name in enumerate(order):
        value = CANARY if name == "secret-1" else 1.0
        for one in made.take(SensorReading(name, float(at), value), float(at)):
            assert "31337" not in json.dumps(one.body)
            assert not (name == "secret-1" and one.label.kind == "event")
