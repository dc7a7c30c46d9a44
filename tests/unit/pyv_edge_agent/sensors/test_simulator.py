"""The simulated sensor is a function of settings, seed and uptime, and fails when it was told to."""

from __future__ import annotations

import statistics

import pytest

from pyv_edge_agent.sensors.interface import SensorError
from pyv_edge_agent.sensors.simulator import SimulatedSensor, SimulatorAdapter, SimulatorSettings


def test_equal_settings_seed_and_uptime_give_equal_readings() -> None:
    one, other = (SimulatedSensor(SimulatorSettings(name="t"), seed=7) for _ in range(2))
    other.reading_at(99.0)
    assert one.reading_at(5.0, 1.0) == other.reading_at(5.0, 1.0)


def test_another_seed_or_name_gives_other_noise() -> None:
    values = {SimulatedSensor(SimulatorSettings(name=name), seed).value_at(5.0) for name in "ab" for seed in (1, 2)}
    assert len(values) == 4


def test_the_seed_of_the_config_goes_before_the_devices() -> None:
    settings = SimulatorSettings(name="t", seed=3)
    assert SimulatedSensor(settings, 1).value_at(5.0) == SimulatedSensor(settings, 2).value_at(5.0)


def test_values_spread_around_the_base_as_told() -> None:
    sensor = SimulatedSensor(SimulatorSettings(name="t", base=50.0, noise=2.0))
    values = [sensor.value_at(float(second)) for second in range(2000)]
    assert statistics.mean(values) == pytest.approx(50.0, abs=0.2)
    assert statistics.stdev(values) == pytest.approx(2.0, rel=0.1)


def test_without_noise_it_is_the_base() -> None:
    assert SimulatedSensor(SimulatorSettings(name="t", base=21.0, noise=0.0)).value_at(3.0) == 21.0


def test_it_fails_after_the_given_uptime_and_says_why() -> None:
    sensor = SimulatedSensor(SimulatorSettings(name="t", fail_after_seconds=3.0))
    assert sensor.connected_at(2.9)
    assert not sensor.connected_at(3.0)
    with pytest.raises(SensorError, match="'t' failed 3 s after its start"):
        sensor.reading_at(3.0)


def test_settings_come_from_the_document() -> None:
    settings = SimulatorSettings.from_document(
        {"name": "t", "ingest_type": "simulator", "unit": "C", "fail_after_seconds": 0}
    )
    assert settings == SimulatorSettings(name="t", unit="C", fail_after_seconds=0)


def test_the_adapter_counts_from_its_start() -> None:
    now = 100.0
    sensor = SimulatedSensor(SimulatorSettings(name="t", unit="C", sensor_type="temperature", fail_after_seconds=5.0))
    adapter = SimulatorAdapter(sensor, monotonic=lambda: now, clock=lambda: 1.7e9)
    assert not adapter.connected
    adapter.start()
    assert adapter.connected
    reading = adapter.read()
    assert reading is not None
    assert (reading.timestamp, reading.unit, reading.metadata) == (1.7e9, "C", {"sensor_type": "temperature"})
    now = 105.0
    assert not adapter.connected
    assert adapter.failure is not None
    adapter.stop()
    assert not adapter.connected


def test_drift_and_gaps_come_from_the_document() -> None:
    device = {"name": "t", "noise": 0, "base": 10, "drift": [{"model": "linear", "per_hour": 3600}]}
    sensor = SimulatedSensor(SimulatorSettings.from_document(device))
    assert [sensor.value_at(at) for at in (0.0, 1.5)] == [10.0, 11.5]
    gappy = SimulatedSensor(SimulatorSettings(name="t", missing_probability=0.3))
    assert sum(gappy.missing_at(float(second)) for second in range(1000)) == pytest.approx(300, abs=60)


def test_a_stuck_sensor_says_the_same_for_ever() -> None:
    device = {"name": "t", "noise": 2.0, "drift": [{"model": "stuck", "after_seconds": 5}]}
    sensor = SimulatedSensor(SimulatorSettings.from_document(device), seed=4)
    assert len({sensor.value_at(float(second)) for second in range(5, 50)}) == 1


def test_a_missing_reading_is_none_and_the_sensor_stays_connected() -> None:
    adapter = SimulatorAdapter(
        SimulatedSensor(SimulatorSettings(name="t", missing_probability=1.0)), monotonic=lambda: 1.0, clock=lambda: 2.0
    )
    adapter.start()
    assert adapter.read() is None
    assert adapter.connected
