"""Measuring: what the sections say is in force, counts go on over their changes, and logs show no value."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from pyv_edge_agent.clock import Clock
from pyv_edge_agent.measuring import SECTIONS, Measuring
from pyv_edge_agent.privacy_firewall.engine import Cleared
from pyv_edge_agent.sensing.pipeline import Outgoing
from pyvorin_edge.config.document import problems, with_defaults


def until(condition: Callable[[], object], what: str) -> None:
    deadline = time.monotonic() + 10
    while not condition():
        assert time.monotonic() < deadline, what
        time.sleep(0.005)


class World:
    """Measuring with what it delivered."""

    def __init__(self) -> None:
        self.delivered: list[Outgoing] = []
        self.cleared: list[str] = []
        self.measuring = Measuring(Clock(), seed=1, clear=self.clear, deliver=self.delivered.append)

    def clear(self, name: str, value: Any, metadata: Any) -> Cleared | None:
        self.cleared.append(name)
        return Cleared(value, dict(metadata))

    def apply(self, *devices: Any, **sections: Any) -> None:
        document = with_defaults({"sensors": {"poll_interval_seconds": 0.01, "devices": list(devices)}, **sections})
        assert problems(document) == ()
        self.measuring.take_rules({name: document[name] for name in SECTIONS})
        self.measuring.take_sensors(document["sensors"])

    def events(self) -> list[str]:
        return [one.body["rule"] for one in list(self.delivered) if one.label.kind == "event"]


@pytest.fixture
def world() -> Iterator[World]:
    made = World()
    yield made
    made.measuring.stop()


WARM = {"name": "warm", "when": "value > 30"}
HOT = {"name": "t", "base": 31337, "noise": 0}


def test_readings_are_delivered_after_privacy_and_raise_events(world: World) -> None:
    world.apply(HOT, rules=[WARM])
    until(world.events, "an event")
    assert world.cleared[:2] == ["t", "warm"]
    assert world.measuring.measured().events_triggered == 1


def test_a_log_says_which_rule_and_sensor_and_no_value(world: World, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.DEBUG):
        world.apply(HOT, rules=[{**WARM, "message": "{value}"}])
        until(world.events, "an event")
    assert "rule warm fired on sensor t" in caplog.text
    assert "31337" not in caplog.text


def test_counts_go_on_over_every_change_and_a_rule_that_is_the_same_does_not_fire_again(world: World) -> None:
    world.apply(HOT, rules=[WARM])
    until(world.events, "an event")
    before = world.measuring.measured()
    world.apply(HOT, rules=[WARM, {"name": "new", "when": "value > 1"}])
    until(lambda: "new" in world.events(), "the new rule's event")
    after = world.measuring.measured()
    assert world.events() == ["warm", "new"]
    assert after.events_triggered == 2
    assert after.readings_processed > before.readings_processed


def test_a_sensor_that_is_not_there_is_named_and_the_others_are_measured(world: World, tmp_path: Path) -> None:
    gone = {"name": "gone", "ingest_type": "file", "path": str(tmp_path / "none")}
    plugin = {"name": "p", "ingest_type": "plugin", "plugin": "nobody-has-it"}
    world.apply(gone, plugin, HOT)
    until(lambda: len(world.measuring.measured().failures) == 2, "both are told")
    until(lambda: world.delivered, "the third is read")
    measured = world.measuring.measured()
    assert (measured.connected, measured.configured) == (("t",), 3)
    assert "cannot open" in measured.failures["gone"]
    assert "no package on this device offers the plugin 'nobody-has-it'" in measured.failures["p"]


def test_what_is_no_reading_is_counted(world: World, tmp_path: Path) -> None:
    (tmp_path / "f").write_text('nonsense\n{"value": 1}\n')
    world.apply({"name": "f", "ingest_type": "file", "path": str(tmp_path / "f")})
    until(lambda: world.measuring.measured().readings_processed, "the good line")
    assert world.measuring.measured().readings_refused == 1
