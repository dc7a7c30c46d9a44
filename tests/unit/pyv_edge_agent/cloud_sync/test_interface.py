"""The queue's words."""

from pyv_edge_agent.cloud_sync.interface import AnsweringUploader, Batch, Priority
from pyv_edge_agent.cloud_sync.uploader import HTTPCloudUploader


def test_lower_priorities_go_first() -> None:
    assert sorted(Priority) == [Priority.CRITICAL, Priority.ANOMALY, Priority.TELEMETRY, Priority.LOGS]
    assert [int(one) for one in Priority] == [1, 2, 3, 4]


def test_a_batch_is_a_list_with_a_name() -> None:
    batch = Batch(({"a": 1}, 2), "pyv-1-d-1")
    assert (batch, batch.batch_id) == ([{"a": 1}, 2], "pyv-1-d-1")


def test_ours_says_why() -> None:
    assert isinstance(HTTPCloudUploader("http://127.0.0.1/"), AnsweringUploader)
