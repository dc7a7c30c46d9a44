"""Every adapter is read at its interval; one that fails spoils no other."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence

import pytest

from pyv_edge_agent.sensors.backlog import Backlog
from pyv_edge_agent.sensors.interface import SensorError, SensorReading
from pyv_edge_agent.sensors.polling import SensorPoller
from pyv_edge_agent.sensors.simulator import SimulatedSensor, SimulatorAdapter, SimulatorSettings


class Clock:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


def simulated(
    clock: Clock, name: str, *, interval: float | None = None, fails: float | None = None
) -> SimulatorAdapter:
    settings = SimulatorSettings(name=name, interval_seconds=interval, fail_after_seconds=fails)
    return SimulatorAdapter(SimulatedSensor(settings), monotonic=clock, clock=clock)


def test_each_sensor_is_read_at_its_own_interval() -> None:
    clock, taken = Clock(), list[str]()
    fast, slow = simulated(clock, "fast", interval=1.0), simulated(clock, "slow")
    poller = SensorPoller([fast, slow], 3.0, lambda reading: taken.append(reading.sensor_name), monotonic=clock)
    waits = []
    for _ in range(4):
        waits.append(poller.poll_due())
        clock.now += 1.0
    assert taken == ["fast", "slow", "fast", "fast", "fast", "slow"]
    assert waits == [1.0, 1.0, 1.0, 1.0]


def test_a_failed_sensor_is_named_and_the_others_go_on() -> None:
    clock, taken = Clock(), list[str]()
    adapters = [simulated(clock, "bad", fails=0.0), simulated(clock, "good")]
    poller = SensorPoller(adapters, 1.0, lambda reading: taken.append(reading.sensor_name), monotonic=clock)
    poller.poll_due()
    assert taken == ["good"]
    assert poller.connected() == ("good",)
    assert poller.failures() == {"bad": "the simulated sensor 'bad' failed 0 s after its start"}
    assert (poller.readings_processed, poller.configured) == (1, 2)


def test_a_failed_sensor_is_not_made_well_by_polling() -> None:
    clock = Clock()
    poller = SensorPoller([simulated(clock, "t", fails=5.0)], 1.0, lambda reading: None, monotonic=clock)
    for _ in range(10):
        poller.poll_due()
        clock.now += 1.0
    assert poller.connected() == ()
    assert poller.readings_processed == 5


class Late(SimulatorAdapter):
    tries = 0

    def start(self) -> None:
        self.tries += 1
        if self.tries < 3:
            raise SensorError("not there yet")
        super().start()


def test_a_sensor_that_does_not_start_is_tried_again() -> None:
    clock, taken = Clock(), list[SensorReading]()
    late = Late(SimulatedSensor(SimulatorSettings(name="late")), monotonic=clock, clock=clock)
    poller = SensorPoller([late], 1.0, taken.append, monotonic=clock)
    for _ in range(4):
        poller.poll_due()
        clock.now += 1.0
    assert len(taken) == 2


def test_trouble_with_one_reading_does_not_end_the_polling(caplog: pytest.LogCaptureFixture) -> None:
    clock, names = Clock(), list[str]()

    def refuse_first(reading: SensorReading) -> None:
        names.append(reading.sensor_name)
        if len(names) == 1:
            raise OSError("disk full")

    poller = SensorPoller([simulated(clock, "a"), simulated(clock, "b")], 1.0, refuse_first, monotonic=clock)
    poller.poll_due()
    assert names == ["a", "b"]
    assert "disk full" in caplog.text


def test_the_thread_polls_until_stopped() -> None:
    clock, came = Clock(), threading.Event()
    poller = SensorPoller([simulated(clock, "t")], 0.001, lambda reading: came.set())
    poller.start()
    poller.start()
    assert came.wait(10)
    poller.stop()
    poller.stop()
    assert poller.connected() == ()
    assert not [thread for thread in threading.enumerate() if thread.name == "sensors"]


def test_it_says_that_it_turns_after_each_reading() -> None:
    clock, beats = Clock(), list[float]()
    adapters = [simulated(clock, "a"), simulated(clock, "b", fails=0.0)]
    SensorPoller(
        adapters, 1.0, lambda reading: None, monotonic=clock, beat=lambda rest=0.0: beats.append(rest)
    ).poll_due()
    assert beats == [0.0, 0.0]


class Pushed(SimulatorAdapter):
    """A sensor whose readings come by themselves."""

    def __init__(self, clock: Clock) -> None:
        super().__init__(SimulatedSensor(SimulatorSettings(name="p")), monotonic=clock, clock=clock)
        self.readings = Backlog(3)
        self.refused = 4

    @property
    def backlog(self) -> int:
        return len(self.readings)

    @property
    def dropped(self) -> int:
        return self.readings.dropped

    def listen(self, wake: Callable[[], None]) -> None:
        self.readings.listen(wake)

    def take(self) -> Sequence[SensorReading]:
        return self.readings.take()

    def read(self) -> SensorReading | None:
        return None


def test_what_comes_by_itself_is_taken_at_once_and_counted() -> None:
    clock, came = Clock(), threading.Event()
    pushed = Pushed(clock)
    poller = SensorPoller([pushed], 600.0, lambda reading: came.set())
    poller.start()
    pushed.readings.put(SensorReading("p", 0.0, 1))
    assert came.wait(10)
    poller.stop()
    assert poller.readings_processed == 1


def test_what_came_before_the_end_is_not_lost() -> None:
    clock, taken = Clock(), list[SensorReading]()
    pushed = Pushed(clock)
    poller = SensorPoller([pushed], 600.0, taken.append)
    poller.start()
    for value in range(5):
        pushed.readings.put(SensorReading("p", 0.0, value))
    poller.stop()
    assert (poller.backlog, len(taken) + poller.dropped) == (0, 5)


def test_what_is_no_reading_is_refused_and_counted() -> None:
    clock, taken = Clock(), list[SensorReading]()
    pushed = Pushed(clock)
    poller = SensorPoller([pushed], 1.0, taken.append, monotonic=clock)
    pushed.readings.put(SensorReading("p", 0.0, float("nan")))
    assert poller.backlog == 1
    poller.poll_due()
    assert (taken, poller.refused, poller.readings_processed) == ([], 1 + 4, 0)
