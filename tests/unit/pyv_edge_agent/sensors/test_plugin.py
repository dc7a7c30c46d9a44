"""Somebody else's adapter may raise, hang, return nonsense or not exist: only its own sensor suffers."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from importlib import metadata
from types import SimpleNamespace
from typing import Any

import pytest

from pyv_edge_agent.sensors import plugin
from pyv_edge_agent.sensors.interface import Adapter, SensorError, SensorReading
from pyv_edge_agent.sensors.plugin import PluginAdapter, PluginSettings, factory_named


class Simple:
    """The smallest adapter; `act` is what a read does."""

    def __init__(self, settings: PluginSettings, act: Callable[[], Any]) -> None:
        self.settings = settings
        self.act = act
        self.name = settings.name
        self.interval_seconds = None
        self.connected = False
        self.failure: str | None = None
        self.stopped = threading.Event()

    def start(self) -> None:
        self.connected = True

    def read(self) -> SensorReading | None:
        found: SensorReading | None = self.act()
        return found

    def stop(self) -> None:
        self.stopped.set()


def plugged(act: Callable[[], Any], made: list[Simple] | None = None) -> PluginAdapter:
    def factory(settings: PluginSettings) -> Adapter:
        simple = Simple(settings, act)
        if made is not None:
            made.append(simple)
        return simple

    device = {"name": "p", "plugin": "simple", "unit": "V", "settings": {"k": 1}}
    return PluginAdapter(device, 0.01, clock=lambda: 9.0, monotonic=time.monotonic, find=lambda name: factory)


def until(condition: Callable[[], object]) -> None:
    deadline = time.monotonic() + 10
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.005)


def test_its_readings_come_under_its_own_name_and_it_knows_its_settings() -> None:
    made: list[Simple] = []
    adapter = plugged(lambda: SensorReading("another", 1.0, 5, "V"), made)
    adapter.start()
    until(lambda: adapter.backlog)
    until(lambda: adapter.connected)
    adapter.stop()
    assert adapter.take()[0] == SensorReading("p", 1.0, 5, "V")
    assert made[0].stopped.wait(10)
    assert (made[0].settings.settings, made[0].settings.unit) == ({"k": 1}, "V")


def test_one_that_raises_is_told_without_its_words_and_tried_again() -> None:
    turns = iter([KeyError("hush"), SystemExit("hush")])

    def act() -> SensorReading:
        if (why := next(turns, None)) is not None:
            raise why
        return SensorReading("p", 1.0, 5)

    told = []
    adapter = plugged(act)
    adapter.start()
    until(lambda: told.append(adapter.failure) or adapter.backlog)
    assert "hush" not in str(told)
    until(lambda: adapter.connected)
    adapter.stop()


def test_its_own_sensor_error_is_told_in_its_words() -> None:
    def act() -> None:
        raise SensorError("the bus does not answer")

    adapter = plugged(act)
    adapter.start()
    until(lambda: adapter.failure == "sensor 'p': the bus does not answer")
    assert not adapter.connected
    with pytest.raises(SensorError):
        adapter.read()
    adapter.stop()


@pytest.mark.parametrize("nonsense", [5, "x", {"value": 1}, SensorReading("p", 1.0, float("nan"))])
def test_nonsense_is_refused_and_counted(nonsense: Any) -> None:
    adapter = plugged(lambda: nonsense)
    adapter.start()
    until(lambda: adapter.refused and adapter.failure)
    assert adapter.backlog == 0
    adapter.stop()


def test_one_that_hangs_is_told_and_left_behind(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(plugin, "CALL_SECONDS_MAX", 0.05)
    monkeypatch.setattr(plugin, "_hung", [])
    release = threading.Event()
    adapter = plugged(lambda: release.wait(30) and None)
    adapter.start()
    until(lambda: "has not answered" in (adapter.failure or ""))
    assert not adapter.connected
    adapter.stop()
    assert len(plugin._hung) == 1
    release.set()
    until(lambda: not plugin._hung[0].is_alive())


def test_so_many_may_hang_and_no_more(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(plugin, "HUNG_MAX", 0)
    adapter = plugged(lambda: None)
    with pytest.raises(SensorError, match="restart the agent"):
        adapter.start()


def test_a_plugin_that_is_not_installed_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(SensorError, match="no package on this device offers the plugin 'modbus'"):
        factory_named("modbus")
    found = SimpleNamespace(name="modbus", load=lambda: Simple)
    monkeypatch.setattr(metadata, "entry_points", lambda **said: [found] if said["group"] == plugin.GROUP else [])
    assert factory_named("modbus") is Simple  # type: ignore[comparison-overlap]
