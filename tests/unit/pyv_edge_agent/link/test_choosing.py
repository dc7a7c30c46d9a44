"""Which link a device lives by."""

from __future__ import annotations

from pathlib import Path

import pytest

from pyv_edge_agent.link.choosing import LinkKind, choose, make_link
from pyv_edge_agent.link.interface import Credentials, Passport
from pyv_edge_agent.link.mqtt import MqttLink
from pyv_edge_agent.link.none import NoLink
from pyv_edge_agent.link.polling import PollingLink
from pyvorin_edge.orders import Pace
from pyvorin_edge.trust import Link as Whereabouts

BOTH = Whereabouts(mqtt=("broker:8883",), http=("https://fleet:8443",))
HTTP = Whereabouts(http=BOTH.http)


@pytest.mark.parametrize(
    ("kind", "where", "made"),
    [
        (LinkKind.AUTO, BOTH, MqttLink),
        (LinkKind.AUTO, HTTP, PollingLink),
        (LinkKind.AUTO, Whereabouts(), NoLink),
        (LinkKind.HTTP, BOTH, PollingLink),
        (LinkKind.NONE, BOTH, NoLink),
    ],
)
def test_mqtt_where_there_is_a_broker_else_http_unless_told_otherwise(
    kind: LinkKind, where: Whereabouts, made: type
) -> None:
    passport = Passport(Credentials(Path("pem"), Path("key")), "")
    assert isinstance(make_link(kind, where, lambda: passport, clock_ms=lambda: 0, pace=Pace()), made)


def test_a_device_of_no_fleet_needs_no_passport() -> None:
    def passport() -> Passport:
        raise AssertionError("there is none")

    assert choose(LinkKind.AUTO, Whereabouts()) is LinkKind.NONE
    make_link(LinkKind.AUTO, Whereabouts(), passport, clock_ms=lambda: 0, pace=Pace())
