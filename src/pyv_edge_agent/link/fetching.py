"""What MQTT does not bring in time, over HTTPS: releases, blobs, trust documents (PROTOCOL 5, rule 5)."""

from __future__ import annotations

import logging

from pyv_edge_agent.link.http import Https
from pyv_edge_agent.link.interface import LinkError, Passport
from pyv_edge_agent.link.tls import device_context
from pyvorin_edge import topics, wire
from pyvorin_edge.topics import Kind
from pyvorin_edge.trust import Link as Whereabouts

logger = logging.getLogger(__name__)


def fetch_topic(whereabouts: Whereabouts, passport: Passport, topic: str) -> bytes | None:
    """What is retained at `topic`, not verified, from the first controller that has it; none if that failed."""
    path, limit_bytes = path_of(topic)
    for url in whereabouts.http:
        try:
            tls = device_context(whereabouts, passport)
            return Https(url, tls).get(path, limit_bytes=limit_bytes)
        except LinkError as why:
            logger.warning("%s was not fetched: %s", topic, why)
    return None


def path_of(topic: str) -> tuple[str, int]:
    """Where the controller has what is retained at a topic, and its greatest size; ValueError for other topics."""
    match topics.parse(topic):
        case (Kind.RELEASE, digest):
            return f"/v1/releases/{digest}/envelope", wire.ORDER_BYTES_MAX
        case (Kind.BLOB, sha256):
            return f"/v1/blobs/{sha256}", wire.BLOB_BYTES_MAX
        case (Kind.TRUST, version):
            return f"/v1/trust/{version}", wire.TRUST_BYTES_MAX
    raise ValueError(f"{topic!r} is fetched over MQTT alone")
