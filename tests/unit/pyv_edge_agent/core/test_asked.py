"""Requests: for this very start, once, in time, never retained (rule 14)."""

from __future__ import annotations

from typing import Any

import pytest

from conformance.fleet import stranger
from pyv_edge_agent.core import effects as do
from pyv_edge_agent.core import events as ev
from pyvorin_edge import envelope, topics, wire
from pyvorin_edge.report import Response
from pyvorin_edge.vocabulary import Refusal, ResponseOutcome, Verb
from running.brain import DEVICE, Bench

ONE, EDITED = b"[windows]\ndefault_size = 1\n", b'[windows]\ndefault_size = 2\n[cloud]\napi_key = "hush"\n'


@pytest.fixture
def bench() -> Bench:
    made = Bench()
    made.connect()
    made.assign()
    made.settle_on(made.release("1.0", ONE), ONE)
    made.feed(ev.LiveSeen(data=ONE, effective_hash="e" * 64))
    return made


def ask(bench: Bench, verb: Verb, *, retained: bool = False, **fields: Any) -> None:
    values = {"boot_id": "b1", "request_id": f"r{bench.up}", **fields}
    sealed = bench.fleet.request(verb, values.pop("boot_id"), **values)
    topic = topics.request(DEVICE) if values.get("shard") is None else topics.shard_request("26")
    bench.feed(ev.Arrived(topic, sealed, retained), after=1.0)


def answer(bench: Bench) -> Response:
    (said,) = [one for one in bench.did(do.Publish) if one.topic == topics.response(DEVICE)]
    assert len(said.payload) <= wire.RESPONSE_BYTES_MAX
    return wire.decode(said.payload, Response, limit_bytes=wire.RESPONSE_BYTES_MAX)


def test_a_report_is_given_and_the_answer(bench: Bench) -> None:
    ask(bench, Verb.REPORT, request_id="r-1")
    assert len(bench.reports()) == 1
    assert (answer(bench).request_id, answer(bench).outcome) == ("r-1", ResponseOutcome.DONE)


@pytest.mark.parametrize(
    ("fields", "code"),
    [
        ({"boot_id": "another"}, Refusal.OTHER_BOOT),
        ({"boot_id": None}, Refusal.OTHER_BOOT),
        ({"retained": True}, Refusal.RETAINED),
    ],
)
def test_what_is_not_for_this_start_is_refused_and_answered(bench: Bench, fields: Any, code: Refusal) -> None:
    ask(bench, Verb.REPORT, **fields)
    assert (answer(bench).outcome, answer(bench).code) == (ResponseOutcome.REFUSED, code)
    assert bench.memory.state.refused is not None
    assert bench.memory.state.refused.code is code


def test_the_same_request_again_is_refused(bench: Bench) -> None:
    ask(bench, Verb.REPORT, request_id="r-1")
    ask(bench, Verb.REPORT, request_id="r-1")
    assert answer(bench).code is Refusal.REPLAYED


def test_a_late_request_is_refused(bench: Bench) -> None:
    ask(bench, Verb.LOGS, expires_at=bench.broker.wall_ms)
    assert not bench.did(do.ReadLogs)
    assert bench.memory.state.refused is not None
    assert bench.memory.state.refused.code is Refusal.EXPIRED


def test_a_strangers_request_is_refused_without_an_answer(bench: Bench) -> None:
    sealed = bench.fleet.request(Verb.LOGS, "b1")
    forged = envelope.seal(envelope.open_envelope(sealed).payload, envelope.TYPE_REQUEST, [stranger()])
    bench.feed(ev.Arrived(topics.request(DEVICE), forged))
    assert not [one for one in bench.did(do.Publish) if one.topic == topics.response(DEVICE)]
    assert not bench.did(do.ReadLogs)


def test_a_shard_is_asked_for_reports_without_a_boot_id_and_spread(bench: Bench) -> None:
    ask(bench, Verb.REPORT, device_id=None, shard="26", boot_id=None, spread_seconds=600)
    assert not bench.reports()
    assert bench.device.report_due is not None
    bench.feed(ev.Ticked(), after=bench.device.report_due - bench.up)
    assert len(bench.reports()) == 1


@pytest.mark.parametrize("verb", [Verb.LOGS, Verb.SNAPSHOT, Verb.REMEDIATE])
def test_a_shard_is_asked_for_nothing_else(bench: Bench, verb: Verb) -> None:
    ask(bench, verb, device_id=None, shard="26", boot_id=None)
    assert not [one for one in bench.did(do.Publish) if one.topic == topics.response(DEVICE)]
    assert not bench.did(do.ReadLogs)


def test_a_snapshot_hides_secrets(bench: Bench) -> None:
    bench.feed(ev.LiveSeen(data=EDITED, effective_hash=None))
    ask(bench, Verb.SNAPSHOT)
    body = answer(bench).body
    assert body["config"]["windows"]["default_size"] == 2
    assert "hush" not in str(body)
    assert body["live_hash"] == bench.device.live_hash


def test_a_snapshot_that_is_too_large_says_so(bench: Bench) -> None:
    doubled_in_json = b"k = '''" + b"\n" * 60_000 + b"'''\n"
    bench.feed(ev.LiveSeen(data=doubled_in_json, effective_hash=None))
    ask(bench, Verb.SNAPSHOT)
    assert answer(bench).outcome is ResponseOutcome.FAILED


def test_a_snapshot_of_what_cannot_be_read_says_so(bench: Bench) -> None:
    bench.feed(ev.LiveSeen(data=b"[windows\n", effective_hash=None))
    ask(bench, Verb.SNAPSHOT)
    assert (answer(bench).outcome, answer(bench).body) == (
        ResponseOutcome.FAILED,
        {"detail": "the live file cannot be read"},
    )


@pytest.mark.parametrize("letter", ["x", "ü", "\U0001f600", "\n", "\x01"])
def test_the_last_log_lines_are_given_as_many_as_fit(bench: Bench, letter: str) -> None:
    ask(bench, Verb.LOGS, request_id="r-1", args={"lines": 500})
    assert bench.did(do.ReadLogs) == [do.ReadLogs("r-1", 500)]
    lines = tuple(f"{n} {letter * 400}" for n in range(500))
    bench.feed(ev.LogsRead(request_id="r-1", lines=lines))
    given = answer(bench).body["lines"]
    assert given == list(lines[-len(given) :])
    assert 10 < len(given) < 500


@pytest.mark.parametrize("lines", [0, -1, 501, "many", None, 1.5])
def test_an_odd_number_of_lines_is_a_hundred(bench: Bench, lines: object) -> None:
    ask(bench, Verb.LOGS, args={"lines": lines})
    assert bench.did(do.ReadLogs)[0].lines == 100


def test_remediate_writes_the_committed_config_over_the_file_that_was_seen(bench: Bench) -> None:
    bench.feed(ev.LiveSeen(data=EDITED, effective_hash=None))
    ask(bench, Verb.REMEDIATE, request_id="r-1", args={"live_hash": bench.device.live_hash})
    assert bench.did(do.WriteLive) == [do.WriteLive(bench.memory.committed)]  # type: ignore[arg-type]
    bench.feed(ev.Switched(effective_hash="e" * 64))
    assert (answer(bench).request_id, answer(bench).outcome) == ("r-1", ResponseOutcome.DONE)
    assert bench.memory.trial is None


@pytest.mark.parametrize("args", [{}, {"live_hash": "0" * 64}, {"live_hash": None}])
def test_another_file_than_was_seen_is_left_alone(bench: Bench, args: dict[str, Any]) -> None:
    bench.feed(ev.LiveSeen(data=EDITED, effective_hash=None))
    ask(bench, Verb.REMEDIATE, args=args)
    assert not bench.did(do.WriteLive)
    assert answer(bench).outcome is ResponseOutcome.REFUSED


def test_nothing_is_remediated_while_an_update_is_under_way(bench: Bench) -> None:
    bench.direct(bench.release("1.1", EDITED))
    ask(bench, Verb.REMEDIATE, args={"live_hash": bench.device.live_hash})
    assert not bench.did(do.WriteLive)
    assert answer(bench).outcome is ResponseOutcome.REFUSED
