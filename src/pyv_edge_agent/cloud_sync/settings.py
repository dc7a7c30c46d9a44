"""The config's `cloud` section as queue and uploader take it."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

from pyv_edge_agent.cloud_sync.queue import QueueSettings
from pyv_edge_agent.cloud_sync.sending import Pace
from pyv_edge_agent.cloud_sync.storage import Bound
from pyv_edge_agent.cloud_sync.uploader import HTTPCloudUploader

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


def uploader_of(
    cloud: Mapping[str, Any],
    device_id: str,
    *,
    fleet_origins: Collection[str],
    server_ca: Path,
    clock: Callable[[], float],
) -> HTTPCloudUploader:
    """The uploader of the same section. An endpoint whose `host:port` is one of `fleet_origins` is trusted by the
    fleet's own CA, `server_ca`; ValueError as the uploader's."""
    ours = urlsplit(cloud["endpoint"]).netloc in fleet_origins
    return HTTPCloudUploader(
        cloud["endpoint"],
        cloud["api_key"],
        cloud["timeout_seconds"],
        device_id=device_id,
        ca_file=str(server_ca) if ours else None,
        clock=clock,
    )
