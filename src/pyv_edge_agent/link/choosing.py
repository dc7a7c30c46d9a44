"""Which link a device lives by: MQTT where its fleet has a broker, else HTTPS alone, else none."""

from __future__ import annotations

import enum
from collections.abc import Callable

from pyv_edge_agent.link.interface import Link, Passport
from pyv_edge_agent.link.none import NoLink
from pyvorin_edge import cadence
from pyvorin_edge.orders import Pace
from pyvorin_edge.trust import Link as Whereabouts


class LinkKind(enum.StrEnum):
    """What `run --link` knows."""

    AUTO = "auto"
    MQTT = "mqtt"
    HTTP = "http"
    NONE = "none"


def choose(kind: LinkKind, where: Whereabouts) -> LinkKind:
    """`auto` is MQTT if the fleet has a broker address, else HTTP if it has a controller's, else none."""
    if kind is not LinkKind.AUTO:
        return kind
    return LinkKind.MQTT if where.mqtt else LinkKind.HTTP if where.http else LinkKind.NONE


def make_link(
    kind: LinkKind,
    where: Whereabouts,
    passport: Callable[[], Passport],
    *,
    clock_ms: Callable[[], int],
    pace: Pace,
    delay_seconds_max: float = cadence.RECONNECT_MAX_SECONDS,
) -> Link:
    """The link to those addresses; LinkError if the passport cannot be read. Only the one in use is imported."""
    match choose(kind, where):
        case LinkKind.MQTT:
            from pyv_edge_agent.link.mqtt import MqttLink

            return MqttLink(passport(), where, clock_ms=clock_ms, pace=pace, delay_seconds_max=delay_seconds_max)
        case LinkKind.HTTP:
            from pyv_edge_agent.link.polling import PollingLink

            return PollingLink(passport(), where, pace=pace, delay_seconds_max=delay_seconds_max)
        case _:
            return NoLink()
