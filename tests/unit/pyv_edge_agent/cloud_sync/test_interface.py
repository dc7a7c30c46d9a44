"""The queue's words."""

from pyv_edge_agent.cloud_sync.interface import Batch, Priority


def test_lower_priorities_go_first() -> None:
    assert sorted(Priority) == [Priority.CRITICAL, Priority.ANOMALY, Priority.TELEMETRY, Priority.LOGS]
    assert [int(one) for one in Priority] == [1, 2, 3, 4]


def test_a_batch_is_a_list_with_a_name() -> None:
    batch = Batch(({"a": 1}, 2), "pyv-1-d-1")
    assert (batch, batch.batch_id) == ([{"a": 1}, 2], "pyv-1-d-1")
