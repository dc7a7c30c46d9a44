"""The health document has the documented fields, and no figure in it is ever null."""

from __future__ import annotations

import json
from typing import Any

import pytest

from pyv_edge_agent.health.document import Agent, Cloud, Ingest, Metrics, Privacy, cloud_of, health_document, status_of
from pyvorin_edge.vocabulary import HealthStatus


def made(metrics: Metrics, cloud: Cloud, fleet: dict[str, Any] | None = None) -> dict[str, Any]:
    return health_document(
        HealthStatus.HEALTHY,
        metrics=metrics,
        agent=Agent(running=True),
        cloud=cloud,
        privacy=Privacy(enabled=True, rules_active=2, fields_redacted=("password",)),
        ingest=Ingest(adapters_connected=("t",), devices_configured=1),
        fleet=fleet,
    )


def test_all_documented_fields_stand_under_their_names() -> None:
    metrics = Metrics(
        cpu_percent=1.0, ram_percent=2.0, disk_percent=3.0, thermal_celsius=40.0, uptime_seconds=5.0, timestamp=6.5
    )
    document = made(metrics, Cloud(queue_depth=1, last_flush_time=2.0, endpoint="https://x/"), {"device_id": "F-1"})
    assert document == {
        "status": "healthy",
        "timestamp": 6.5,
        "metrics": {
            "cpu_percent": 1.0,
            "ram_percent": 2.0,
            "disk_percent": 3.0,
            "thermal_celsius": 40.0,
            "uptime_seconds": 5.0,
            "timestamp": 6.5,
        },
        "agent": {
            "running": True,
            "buffer_count": 0,
            "readings_processed": 0,
            "events_triggered": 0,
            "rules_undecided": 0,
            "policy_left_out": 0,
        },
        "cloud": {
            "queue_depth": 1,
            "last_flush_time": 2.0,
            "messages_sent_today": 0,
            "endpoint": "https://x/",
            "total_retries": 0,
            "breaker": "closed",
            "dead_letters": 0,
            "evicted": 0,
            "expired": 0,
            "files_set_aside": 0,
        },
        "privacy": {
            "enabled": True,
            "rules_active": 2,
            "fields_redacted": ["password"],
            "fields_hashed": [],
            "counts": {},
        },
        "ingest": {
            "adapters_connected": ["t"],
            "devices_configured": 1,
            "readings_refused": 0,
            "readings_dropped": 0,
            "failures": {},
        },
        "fleet": {"device_id": "F-1"},
    }


def test_a_figure_that_cannot_be_read_is_absent_never_null() -> None:
    document = made(Metrics(timestamp=1.0), Cloud(queue_depth=0), {"device_id": "F-1", "release": None})
    assert "null" not in json.dumps(document)
    assert document["metrics"] == {"timestamp": 1.0}
    assert "last_flush_time" not in document["cloud"]


def test_a_login_in_the_endpoint_is_hidden() -> None:
    assert "hunter2" not in json.dumps(
        made(Metrics(timestamp=1.0), Cloud(queue_depth=0, endpoint="https://u:hunter2@x/"))
    )


@pytest.mark.parametrize(
    ("connected", "configured", "status"),
    [(0, 0, "healthy"), (2, 2, "healthy"), (1, 2, "degraded"), (0, 2, "unhealthy"), (0, 1, "unhealthy")],
)
def test_status_follows_from_the_sensors(connected: int, configured: int, status: str) -> None:
    ingest = Ingest(adapters_connected=("t",) * connected, devices_configured=configured)
    assert status_of(ingest) == status
    assert status_of(ingest, starting=True) is HealthStatus.STARTING
    assert status_of(ingest, starting=True, stopping=True) is HealthStatus.STOPPING


def test_what_the_queue_says_stands_in_health_and_what_it_cannot_say_does_not() -> None:
    stats = {"depth": 3, "evicted": {"logs": 2, "telemetry": 1}, "items_lost": 4, "last_error": "401", "other": 1}
    cloud = cloud_of(stats, "https://x/")
    assert (cloud.queue_depth, cloud.evicted, cloud.last_error, cloud.last_flush_time) == (3, 7, "401", None)
    assert cloud_of({}, "") == Cloud(queue_depth=0)
