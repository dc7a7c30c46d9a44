"""A backlog keeps the newest, counts what found no room, and wakes whoever takes."""

from pyv_edge_agent.sensors.backlog import Backlog
from pyv_edge_agent.sensors.interface import SensorReading


def test_the_oldest_goes_when_it_is_full_and_is_counted() -> None:
    backlog, woken = Backlog(2), list[int]()
    backlog.listen(lambda: woken.append(1))
    for value in range(3):
        backlog.put(SensorReading("t", 0.0, value))
    assert len(backlog) == 2
    assert [reading.value for reading in backlog.take()] == [1, 2]
    assert (backlog.take(), backlog.dropped, len(woken)) == ([], 1, 3)
