"""The metrics are readable by Prometheus' own parser."""

from __future__ import annotations

from prometheus_client.parser import text_string_to_metric_families

from pyv_edge_agent.health.metrics import metrics_text

DOCUMENT = {
    "status": "healthy",
    "metrics": {"cpu_percent": 12.5},
    "agent": {"readings_processed": 7},
    "cloud": {"queue_depth": 3},
    "ingest": {"adapters_connected": ["a", "b"], "devices_configured": 2},
    "fleet": {"device_id": 'F"1\\\n', "channel": "stable", "generation": 5},
}


def read(document: dict[str, object]) -> dict[str, float]:
    families = text_string_to_metric_families(metrics_text(document))
    return {sample.name: sample.value for family in families for sample in family.samples}


def test_each_known_figure_is_a_gauge_and_unknown_ones_are_absent() -> None:
    assert read(DOCUMENT) == {
        "pyvorin_edge_healthy": 1.0,
        "pyvorin_edge_cpu_percent": 12.5,
        "pyvorin_edge_readings_processed": 7.0,
        "pyvorin_edge_queue_depth": 3.0,
        "pyvorin_edge_adapters_connected": 2.0,
        "pyvorin_edge_devices_configured": 2.0,
        "pyvorin_edge_info": 1.0,
    }


def test_only_healthy_counts_as_healthy() -> None:
    assert read({"status": "degraded"}) == {"pyvorin_edge_healthy": 0.0}


def test_labels_are_escaped() -> None:
    [info] = [one for one in text_string_to_metric_families(metrics_text(DOCUMENT)) if one.name == "pyvorin_edge_info"]
    assert info.samples[0].labels == {"device_id": 'F"1\\\n', "channel": "stable"}
