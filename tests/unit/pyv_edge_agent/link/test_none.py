"""A device of no fleet works and speaks with nobody."""

from __future__ import annotations

from pyv_edge_agent.link.interface import Link
from pyv_edge_agent.link.none import NoLink
from pyvorin_edge.trust import Link as Whereabouts


def test_whatever_it_is_asked_it_is_not_connected() -> None:
    link: Link = NoLink()
    link.subscribe(["a"])
    link.unsubscribe(["a"])
    link.publish("a", b"", qos=1, retain=False)
    link.pace(keepalive_seconds=60, reconnect_seconds=5)
    link.go_to(Whereabouts(mqtt=("h:1",)))
    link.stop(1.0)
    assert not link.is_connected
