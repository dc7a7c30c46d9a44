"""`GET /metrics`: the health document's figures in Prometheus' text form."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final

from pyvorin_edge.vocabulary import HealthStatus

CONTENT_TYPE: Final = "text/plain; version=0.0.4; charset=utf-8"
PREFIX: Final = "pyvorin_edge"
#: metric → (section, field, help)
_GAUGES: Final = {
    "cpu_percent": ("metrics", "cpu_percent", "Processor use in percent"),
    "ram_percent": ("metrics", "ram_percent", "Memory use in percent"),
    "disk_percent": ("metrics", "disk_percent", "Use of the file system that holds the agent's state, in percent"),
    "thermal_celsius": ("metrics", "thermal_celsius", "Hottest sensor in degrees Celsius"),
    "uptime_seconds": ("metrics", "uptime_seconds", "Seconds since the agent started"),
    "readings_processed": ("agent", "readings_processed", "Readings taken since the agent started"),
    "events_triggered": ("agent", "events_triggered", "Events raised since the agent started"),
    "rules_undecided": ("agent", "rules_undecided", "Conditions of rules that had no answer"),
    "policy_left_out": ("agent", "policy_left_out", "Items that a policy left out of the queue"),
    "queue_depth": ("cloud", "queue_depth", "Items that wait in the outbound queue"),
    "last_flush_timestamp_seconds": ("cloud", "last_flush_time", "When a batch was last taken, Unix seconds"),
    "messages_sent_today": ("cloud", "messages_sent_today", "Items taken since midnight UTC"),
    "queue_retries": ("cloud", "total_retries", "Failed tries of the items that wait"),
    "queue_oldest_timestamp_seconds": ("cloud", "oldest_item_timestamp", "When the oldest waiting item was made"),
    "queue_dead_letters": ("cloud", "dead_letters", "Items that the cloud refused for good, kept on the device"),
    "queue_evicted": ("cloud", "evicted", "Items that the bound on the queue pushed out"),
    "queue_expired": ("cloud", "expired", "Items whose time to live was over"),
    "queue_files_set_aside": ("cloud", "files_set_aside", "Broken queue files that were set aside"),
    "privacy_rules_active": ("privacy", "rules_active", "Privacy rules in force"),
    "adapters_connected": ("ingest", "adapters_connected", "Sensors that can be read now"),
    "devices_configured": ("ingest", "devices_configured", "Sensors that the config names"),
    "readings_refused": ("ingest", "readings_refused", "What came and was no reading"),
    "readings_dropped": ("ingest", "readings_dropped", "Readings that came faster than they were taken"),
}
_LABELS: Final = ("device_id", "channel", "release", "phase")


def metrics_text(document: Mapping[str, Any]) -> str:
    """The text form of a health document; what it leaves out is left out here."""
    return "".join(f"{line}\n" for line in _lines(document))


def _lines(document: Mapping[str, Any]) -> Iterator[str]:
    yield from _gauge("healthy", "1 while the status is healthy", int(document["status"] == HealthStatus.HEALTHY))
    for name, (section, field, meaning) in _GAUGES.items():
        value = document.get(section, {}).get(field)
        if value is not None:
            yield from _gauge(name, meaning, len(value) if isinstance(value, list | tuple) else value)
    fleet = document.get("fleet")
    if fleet is not None:
        labels = ",".join(f'{label}="{_escaped(str(fleet[label]))}"' for label in _LABELS if label in fleet)
        yield from _gauge("info", "1, with the place in the fleet as labels", 1, f"{{{labels}}}")


def _gauge(name: str, meaning: str, value: float, labels: str = "") -> Iterator[str]:
    yield f"# HELP {PREFIX}_{name} {meaning}"
    yield f"# TYPE {PREFIX}_{name} gauge"
    yield f"{PREFIX}_{name}{labels} {value}"


def _escaped(text: str) -> str:
    return text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
