"""What is told at once, what at its interval, and what is listened to (PROTOCOL 3, 6)."""

from __future__ import annotations

import msgspec
import pytest

from pyv_edge_agent.core import effects as do
from pyv_edge_agent.core import events as ev
from pyv_edge_agent.core.telling import fleet_facts
from pyvorin_edge import topics, wire
from pyvorin_edge.orders import Pace
from pyvorin_edge.report import Beat
from pyvorin_edge.vocabulary import Phase, RuleKind
from running.brain import DEVICE, HEALTHY, Bench

ONE = b"[windows]\ndefault_size = 1\n"


@pytest.fixture
def bench() -> Bench:
    made = Bench()
    made.connect()
    made.assign()
    made.settle_on(made.release("1.0", ONE), ONE)
    made.direct(made.fleet.rule(made.memory.committed.release), pace=Pace())  # type: ignore[union-attr, arg-type]
    return made


def beats(bench: Bench) -> list[Beat]:
    said = [one for one in bench.did(do.Publish) if one.topic == topics.beat(DEVICE)]
    assert all(one.qos == 0 for one in said)
    return [wire.decode(one.payload, Beat, limit_bytes=wire.REPORT_BYTES_MAX) for one in said]


def test_four_topics_before_the_first_assignment_and_five_after() -> None:
    bench = Bench()
    bench.connect()
    own = {topics.assignment(DEVICE), topics.request(DEVICE), topics.shard_request("26"), topics.trust(2)}
    assert bench.device.subscribed == own
    bench.assign()
    assert bench.device.subscribed == own | {topics.channel("stable")}
    bench.assign(channel="beta")
    assert bench.device.subscribed == own | {topics.channel("beta")}


def test_the_next_trust_document_is_listened_for(bench: Bench) -> None:
    bench.fleet.trust()
    bench.deliver(topics.trust(2))
    assert topics.trust(3) in bench.device.subscribed
    assert topics.trust(2) not in bench.device.subscribed


def test_nothing_is_said_out_of_session(bench: Bench) -> None:
    bench.feed(ev.Disconnected())
    bench.feed(ev.HealthSeen({"status": "unhealthy"}))
    assert not bench.did(do.Publish)
    assert not bench.did(do.Subscribe)


def test_a_report_goes_out_on_each_connect(bench: Bench) -> None:
    bench.feed(ev.Disconnected())
    bench.connect()
    (report,) = bench.reports()
    assert report.conn == 2
    assert len(bench.did(do.Subscribe)[0].topics) == 5


def test_a_change_of_health_is_told_at_once_and_the_same_health_is_not(bench: Bench) -> None:
    bench.feed(ev.HealthSeen({"status": "unhealthy"}))
    assert len(bench.reports()) == 1
    bench.feed(ev.HealthSeen({"status": "unhealthy", "metrics": {"cpu_percent": 3.0}}))
    assert not bench.reports()


def test_each_phase_is_told(bench: Bench) -> None:
    phases = []
    digest = bench.release("1.1", b"[windows]\ndefault_size = 2\n")
    bench.direct(digest, pace=Pace(settle_seconds=0))
    phases += [report.phase for report in bench.reports()]
    bench.install(digest, b"[windows]\ndefault_size = 2\n")
    phases += [report.phase for report in bench.reports()]
    assert phases == [Phase.FETCHING, Phase.PROVING]


def test_a_rollback_is_acknowledged_at_once_also_by_who_runs_it_already(bench: Bench) -> None:
    assert bench.memory.committed is not None
    release = bench.memory.committed.release
    assert release is not None
    bench.direct(bench.fleet.rule(release, kind=RuleKind.ROLLBACK))
    (report,) = bench.reports()
    assert (report.generation, report.phase, report.running.release) == (bench.fleet.generation, Phase.SETTLED, release)


def test_an_ordinary_directive_that_changes_nothing_is_not_told_at_once(bench: Bench) -> None:
    bench.feed(ev.Arrived(topics.channel("stable"), bench.fleet.refresh(), False))
    assert not bench.reports()


def test_beats_come_between_reports_and_name_the_last_one(bench: Bench) -> None:
    bench.feed(ev.Disconnected())
    bench.connect()
    (report,) = bench.reports()
    bench.feed(ev.HealthSeen(bench.device.health), after=59.0)
    assert not beats(bench)
    bench.feed(ev.Ticked(), after=1.0)
    (beat,) = beats(bench)
    assert (beat.of, beat.s, beat.c, beat.b) == (report.seq, report.seq + 1, report.conn, report.boot)


def test_a_report_comes_at_its_interval_and_counts_on(bench: Bench) -> None:
    said = []
    for _ in range(20):
        bench.feed(ev.Ticked(), after=60.0)
        said += [("report", one.seq) for one in bench.reports()] + [("beat", one.s) for one in beats(bench)]
    assert [kind for kind, _ in said].count("report") == 1
    numbers = [number for _, number in said]
    assert numbers == list(range(numbers[0], numbers[0] + len(numbers)))


def test_no_beats_where_none_are_wanted(bench: Bench) -> None:
    assert bench.memory.committed is not None
    bench.direct(bench.fleet.rule(bench.memory.committed.release), pace=Pace(beat_seconds=0))  # type: ignore[arg-type]
    for _ in range(14):
        bench.feed(ev.Ticked(), after=60.0)
        assert not beats(bench)


def test_a_beat_has_the_figures_that_there_are(bench: Bench) -> None:
    bench.feed(ev.HealthSeen({**HEALTHY, "metrics": {"cpu_percent": 5.5}, "cloud": {"queue_depth": 3}}), after=60.0)
    (beat,) = beats(bench)
    assert beat.m == (5.5, None, None, None, 3)


def test_after_a_move_the_old_channels_number_is_not_told_as_the_new_ones(bench: Bench) -> None:
    bench.assign(channel="beta")
    (report,) = bench.reports()
    assert (report.channel, report.generation) == ("beta", 0)


def test_after_a_new_epoch_the_old_ones_numbers_are_not_told_as_its_own(bench: Bench) -> None:
    bench.fleet.trust(epoch=2)
    bench.deliver(topics.trust(2))
    (report,) = bench.reports()
    assert (report.epoch, report.generation, report.number) == (2, 0, 0)


def test_the_largest_report_fits(bench: Bench) -> None:
    many = "".join(f"{chr(97 + n % 26)}{n}{'x' * 250} = 1\n" for n in range(60)).encode()
    bench.feed(ev.LiveSeen(data=many, effective_hash=None))
    for look in bench.did(do.Look):
        bench.feed(ev.Looked(blob=look.blob, data=ONE))
    (said,) = bench.did(do.Publish)
    assert len(said.payload) < wire.REPORT_BYTES_MAX


def test_health_shows_only_what_is_known(bench: Bench) -> None:
    facts = fleet_facts(bench.device)
    assert None not in facts.values()
    assert (facts["device_id"], facts["channel"], facts["release"]) == (DEVICE, "stable", "1.0")
    assert msgspec.json.encode(facts)
