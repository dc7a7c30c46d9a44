"""An answer names its request and its device."""

from __future__ import annotations

from pyv_edge_agent.core import effects as do
from pyv_edge_agent.core import events as ev
from pyv_edge_agent.core.answering import respond
from pyv_edge_agent.core.device import Turn
from pyvorin_edge import topics, wire
from pyvorin_edge.report import Response
from pyvorin_edge.vocabulary import ResponseOutcome
from running.brain import DEVICE, Bench


def test_it_goes_to_the_devices_own_topic() -> None:
    turn = Turn(Bench().device, ev.Now(1, True, 1.0))
    respond(turn, "r-1", ResponseOutcome.DONE, None, {"a": 1})
    (said,) = [effect for effect in turn.effects if isinstance(effect, do.Publish)]
    answer = wire.decode(said.payload, Response, limit_bytes=wire.RESPONSE_BYTES_MAX)
    assert (said.topic, answer.request_id, answer.body) == (topics.response(DEVICE), "r-1", {"a": 1})
