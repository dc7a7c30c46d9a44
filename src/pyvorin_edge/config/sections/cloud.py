"""`cloud`: where readings go, and how many at a time."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final
from urllib.parse import urlsplit

from pyvorin_edge.address import is_loopback
from pyvorin_edge.config.problem import Problem
from pyvorin_edge.config.sections.bounds import SECONDS_MAX
from pyvorin_edge.config.shapes import Flag, Number, Table, Text

CLOUD: Final = Table(
    keys={
        "enabled": Flag(default=False),
        "endpoint": Text(default="", longest=2048),
        "api_key": Text(default=""),
        "batch_size": Number(default=100, whole=True, least=1, most=10_000),
        "flush_interval_seconds": Number(default=60.0, above=0, most=SECONDS_MAX),
        # of each step on the network: to connect, for each 16 KiB sent, for the answer
        "timeout_seconds": Number(default=30.0, least=1, most=60),
        # the longest wait after failures
        "backoff_seconds_max": Number(default=300.0, least=1, most=3600),
        "queue": Table(
            keys={
                # beyond either the least urgent go, the oldest first
                "max_items": Number(default=100_000, whole=True, least=100, most=10_000_000),
                "max_megabytes": Number(default=64, whole=True, least=1, most=16_384),
                "dead_letters_max": Number(default=1000, whole=True, least=0, most=100_000),
                # telemetry and logs may be lost for so long at a power cut; each group is one fsync
                "group_seconds": Number(default=0.8, least=0.05, most=60),
            }
        ),
    }
)


def problems(document: dict[str, Any], substituted: bool) -> Iterator[Problem]:
    """What the table cannot say: an enabled cloud needs an endpoint, and a key never travels in clear."""
    cloud = document.get("cloud")
    if not isinstance(cloud, dict) or cloud.get("enabled") is not True:
        return
    endpoint = cloud.get("endpoint")
    if not isinstance(endpoint, str) or ("${" in endpoint and not substituted):
        return
    why = _endpoint_fault(endpoint, with_key=bool(cloud.get("api_key")))
    if why:
        yield Problem("/cloud/endpoint", why)


def _endpoint_fault(endpoint: str, *, with_key: bool) -> str | None:
    if not endpoint.strip():
        return "must not be empty while cloud.enabled is true"
    try:
        parts = urlsplit(endpoint)
        host, _ = parts.hostname, parts.port
    except ValueError:  # its words may quote the value, which may be secret
        return "is no URL"
    if parts.scheme not in ("http", "https") or not host:
        return "must be an http or https URL with a host"
    if parts.scheme == "http" and with_key and not is_loopback(host):
        return "must be https: with plain http the api_key would travel in clear"
    return None
