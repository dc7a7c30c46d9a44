"""Every topic name, built and parsed in one place (PROTOCOL 3)."""

from __future__ import annotations

import enum
from typing import Final, NamedTuple

from pyvorin_edge.identity import shard_of

ROOT: Final = "pyvorin/fleet/v1"
ARTICLE_CONFIG: Final = "pyvorin/fleet/config/update"
ARTICLE_ROLLBACK: Final = "pyvorin/fleet/command/rollback"


class Kind(enum.StrEnum):
    """What a topic carries."""

    CHANNEL = "channel"
    RELEASE = "release"
    BLOB = "blob"
    TRUST = "trust"
    ASSIGNMENT = "assignment"
    REQUEST = "request"
    RESPONSE = "response"
    SHARD_REQUEST = "shard-request"
    REPORT = "report"
    BEAT = "beat"
    PRESENCE = "presence"


class Topic(NamedTuple):
    """A parsed topic: its kind and the name in it (channel, digest, trust version or device id)."""

    kind: Kind
    name: str


def channel(name: str) -> str:
    """Where a channel's directive is retained."""
    return f"{ROOT}/channel/{name}"


def release(digest: str) -> str:
    """Where a release's envelope is retained."""
    return f"{ROOT}/release/{digest}"


def blob(sha256: str) -> str:
    """Where a config's bytes are retained."""
    return f"{ROOT}/blob/{sha256}"


def trust(version: int) -> str:
    """Where one version of the trust document is retained."""
    return f"{ROOT}/trust/{version}"


def assignment(device_id: str) -> str:
    """Where one device's assignment is retained."""
    return f"{ROOT}/device/{device_id}/assignment"


def request(device_id: str) -> str:
    """Where requests to one device are sent."""
    return f"{ROOT}/device/{device_id}/request"


def response(device_id: str) -> str:
    """Where one device answers requests."""
    return f"{ROOT}/device/{device_id}/response"


def shard_request(shard: str) -> str:
    """Where a request to a whole shard is sent."""
    return f"{ROOT}/shard/{shard}/request"


def report(device_id: str) -> str:
    """Where a device sends its reports."""
    return f"{ROOT}/shard/{shard_of(device_id)}/{device_id}/report"


def beat(device_id: str) -> str:
    """Where a device sends its beats."""
    return f"{ROOT}/shard/{shard_of(device_id)}/{device_id}/beat"


def presence(device_id: str) -> str:
    """Where a device's presence is retained (its last will too)."""
    return f"{ROOT}/shard/{shard_of(device_id)}/{device_id}/presence"


def parse(topic: str) -> Topic | None:
    """The parts of a topic of ours; none if it is not ours, or stands under another device's shard."""
    if not topic.startswith(ROOT + "/"):
        return None
    match topic[len(ROOT) + 1 :].split("/"):
        case [("channel" | "release" | "blob" | "trust") as kind, name] if name:
            return Topic(Kind(kind), name)
        case ["device", device_id, ("assignment" | "request" | "response") as kind] if device_id:
            return Topic(Kind(kind), device_id)
        case ["shard", shard, "request"]:
            return Topic(Kind.SHARD_REQUEST, shard)
        case ["shard", shard, device_id, ("report" | "beat" | "presence") as kind] if shard == shard_of(device_id):
            return Topic(Kind(kind), device_id)
        case _:
            return None
