"""What enrolment leaves on a device: trust, incarnation, bounds and its assignment (PROTOCOL 2)."""

from __future__ import annotations

from msgspec.structs import replace

from pyv_edge_agent.core.memory import Heard, Memory, State
from pyvorin_edge.envelope import open_envelope
from pyvorin_edge.orders import Assignment, decode_order
from pyvorin_edge.report import Join
from pyvorin_edge.trust import Trust, advance_all


def joined(memory: Memory, trust: Trust, join: Join) -> tuple[Memory, Trust]:
    """Memory after `join`, and the trust that its documents lead to from the anchor.

    TrustError, EnvelopeError or OrderError if the answer does not hold; then nothing changes. What the device already
    heard is never lowered.
    """
    documents = tuple(document.encode() for document in join.trust)
    after = advance_all(trust, documents)
    assignment = decode_order(open_envelope(join.assignment.encode()).payload, Assignment)
    state = replace(
        memory.state,
        incarnation=max(memory.state.incarnation, join.incarnation),
        fleet=join.fleet,
        heard=_bounded(memory.state, assignment.channel, join),
        heard_assignment=memory.state.heard_assignment or Heard(epoch=join.epoch, generation=join.number),
    )
    kept = memory.trust if len(memory.trust) > len(documents) else documents
    return replace(memory, state=state, trust=kept), after


def _bounded(state: State, channel: str, join: Join) -> dict[str, Heard]:
    bound = Heard(epoch=join.epoch, generation=join.generation)
    return {channel: bound, **state.heard}
