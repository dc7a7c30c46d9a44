"""How a device stands, in plain values."""

from __future__ import annotations

import msgspec

from pyv_edge_agent.core import events as ev
from pyv_edge_agent.core.status import status_of, unnamed
from pyvorin_edge.orders import Pace
from pyvorin_edge.vocabulary import Cause, Outcome, Phase, WaitingFor
from running.brain import DEVICE, Bench

ONE = b"[windows]\ndefault_size = 1\n"
TWO = b"[windows]\ndefault_size = 2\n"


def settled() -> Bench:
    bench = Bench()
    bench.connect()
    bench.assign()
    bench.settle_on(bench.release("1.0", ONE), ONE)
    return bench


def test_a_settled_device_says_what_it_holds_and_how_it_ended() -> None:
    found = status_of(settled().device)
    assert (found.device_id, found.update.phase, found.update.target) == (DEVICE, Phase.SETTLED, None)
    assert [(one.version, one.running) for one in found.held] == [("1.0", True)]
    assert found.result is not None
    assert found.result.outcome is Outcome.COMMITTED
    assert msgspec.json.decode(msgspec.json.encode(found))["place"]["release"] == "1.0"


def test_a_waiting_one_says_for_what_and_until_when() -> None:
    bench = settled()
    bench.feed(ev.Disconnected())
    bench.connect()
    target = bench.release("2.0", TWO)
    bench.direct(target, pace=Pace())
    update = status_of(bench.device, {target: "2.0"}).update
    assert (update.phase, update.waiting_for, update.target_version) == (Phase.WAITING, WaitingFor.SETTLE, "2.0")
    assert update.due_seconds is not None
    assert 0 < update.due_seconds <= 10
    assert unnamed(bench.memory) == {target}


def test_a_proving_one_says_how_its_gate_goes() -> None:
    bench = settled()
    target = bench.release("2.0", TWO)
    bench.direct(target)
    bench.feed(ev.Ticked(), after=60.0)
    bench.install(target, TWO)
    bench.feed(ev.HealthSeen({"status": "degraded", "reasons": ["t1 is silent"]}), after=1.0)
    gate = status_of(bench.device).update.gate
    assert gate is not None
    assert (gate.good_for_seconds, gate.missing) == (None, "status is degraded (t1 is silent)")
    assert status_of(bench.device).update.target_version == "2.0"


def test_the_quarantine_says_why_and_until_when() -> None:
    bench = settled()
    target = bench.release("2.0", b"[health]\nport = 99999\n")
    bench.direct(target)
    bench.feed(ev.Ticked(), after=60.0)
    bench.feed(ev.Ticked(), after=601.0)
    line = status_of(bench.device, {target: "2.0"}).update.quarantine[0]
    assert (line.version, line.outcome, line.code) == ("2.0", Outcome.FAILED, Cause.FETCH)
    assert line.retry_seconds is not None
    assert 0 < line.retry_seconds <= 60


def test_a_choice_by_hand_is_named_until_other_orders_come() -> None:
    bench = settled()
    bench.feed(ev.RolledBackByHand(version="1.0"))
    assert status_of(bench.device).by_hand == "1.0"
