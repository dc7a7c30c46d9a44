"""The answer to a request (PROTOCOL 5, rule 14)."""

from __future__ import annotations

from typing import Any

from pyv_edge_agent.core.device import Turn
from pyv_edge_agent.core.effects import Publish
from pyvorin_edge import topics, wire
from pyvorin_edge.report import Response
from pyvorin_edge.vocabulary import Refusal, ResponseOutcome


def respond(turn: Turn, request_id: str, outcome: ResponseOutcome, code: Refusal | None, body: dict[str, Any]) -> None:
    """Send the answer to a request."""
    answer = Response(
        v=1,
        request_id=request_id,
        device_id=turn.device.facts.device_id,
        outcome=outcome,
        code=code,
        body=body,
    )
    turn.do(Publish(topic=topics.response(turn.device.facts.device_id), payload=wire.encode(answer), qos=1))
