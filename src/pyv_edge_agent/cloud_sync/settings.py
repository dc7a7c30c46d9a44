"""The config's `cloud` section as the queue takes it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from pyv_edge_agent.cloud_sync.queue import QueueSettings
from pyv_edge_agent.cloud_sync.sending import Pace
from pyv_edge_agent.cloud_sync.storage import Bound

_MEGABYTE: Final = 1024 * 1024


def settings_of(cloud: Mapping[str, Any]) -> QueueSettings:
    """From the `cloud` section of an effective, validated document."""
    queue = cloud["queue"]
    return QueueSettings(
        pace=Pace(cloud["batch_size"], cloud["backoff_seconds_max"], queue["dead_letters_max"]),
        flush_interval_seconds=cloud["flush_interval_seconds"],
        bound=Bound(queue["max_items"], queue["max_megabytes"] * _MEGABYTE),
        group_seconds=queue["group_seconds"],
    )
