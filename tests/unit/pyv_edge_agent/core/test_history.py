"""What a device's history says of a step, and what is left out of it."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from pyv_edge_agent.core import events as ev
from pyv_edge_agent.core.events import Now
from pyv_edge_agent.core.history import HOUR_MS, KIND_LINES_MAX, Line, Recent, lines, settles, thinned
from pyvorin_edge import topics
from pyvorin_edge.vocabulary import Cause, Happening
from running.brain import DEVICE, Bench

ONE = b"[windows]\ndefault_size = 1\n"
TWO = b"[windows]\ndefault_size = 2\n"
NOW = Now(wall_ms=1000, synced=True, uptime_seconds=5.04)


class Watched(Bench):
    """A bench that keeps the history of every step."""

    def __init__(self) -> None:
        self.told: list[Line] = []
        super().__init__()

    def feed(self, event: ev.Event, *, after: float = 0.0):  # type: ignore[no-untyped-def]
        before = self.device
        found = super().feed(event, after=after)
        self.told.extend(lines(before, self.device, NOW))
        return found

    def kinds(self) -> list[Happening]:
        return [line.kind for line in self.told]

    def newest(self, kind: Happening) -> Line:
        return [line for line in self.told if line.kind is kind][-1]


def settled() -> Watched:
    bench = Watched()
    bench.connect()
    bench.assign()
    bench.settle_on(bench.release("1.0", ONE), ONE)
    return bench


def test_the_first_start_is_the_enrolment_and_each_start_names_the_machines_boot() -> None:
    bench = Watched()
    assert bench.kinds()[:2] == [Happening.ENROLLED, Happening.STARTED]
    assert DEVICE in bench.told[0].text
    bench.boot(bench.memory, machine="m2")
    assert bench.kinds().count(Happening.ENROLLED) == 1
    assert bench.newest(Happening.STARTED).word == "m2"


def test_a_good_update_is_told_from_order_to_end() -> None:
    kinds = settled().kinds()
    wanted = [Happening.DIRECTIVE, Happening.ORDERED, Happening.SWITCHING, Happening.RESULT]
    assert [kind for kind in kinds if kind in wanted] == wanted


def test_a_bad_update_is_told_with_its_cause() -> None:
    bench = settled()
    bad = bench.release("2.0", TWO)
    bench.direct(bad)
    bench.feed(ev.Ticked(), after=60.0)
    bench.install(bad, TWO)
    for _ in range(80):
        bench.feed(ev.HealthSeen({"status": "unhealthy"}), after=1.0)
        bench.feed(ev.Ticked())
    bench.feed(ev.Switched(effective_hash=None))
    result = bench.newest(Happening.RESULT)
    assert Happening.REVERTING in bench.kinds()
    assert (result.release, result.word) == (bad, "failed")
    assert Cause.GATE.sentence in result.text


def test_drift_begins_and_ends_by_its_paths_never_by_values() -> None:
    bench = settled()
    bench.feed(ev.LiveSeen(data=TWO, effective_hash=None))
    bench.feed(ev.Looked(blob=bench.memory.committed.file, data=ONE))  # type: ignore[union-attr]
    assert "/windows/default_size" in bench.newest(Happening.DRIFT).text
    bench.feed(ev.LiveSeen(data=ONE, effective_hash=None))
    assert bench.kinds()[-1] is Happening.DRIFT_OVER


def test_refusals_choices_by_hand_and_the_link_are_told() -> None:
    bench = settled()
    bench.feed(ev.Arrived(topics.channel("stable"), b"nonsense", True))
    assert bench.newest(Happening.REFUSED).word == "envelope"
    bench.feed(ev.RolledBackByHand(version="1.0"))
    assert "go back to 1.0" in bench.newest(Happening.BY_HAND).text
    bench.feed(ev.Disconnected())
    assert bench.kinds()[-1] is Happening.OFFLINE
    bench.connect()
    assert bench.kinds()[-1] is Happening.ONLINE


def test_where_nothing_happened_nothing_is_told() -> None:
    bench = settled()
    count = len(bench.told)
    bench.feed(ev.Ticked(), after=1.0)
    bench.feed(ev.HealthSeen({"status": "healthy"}))
    assert len(bench.told) == count


def _line(kind: Happening, at: int) -> Line:
    return Line(at=at, synced=True, boot=1, uptime_seconds=0.0, kind=kind, text="x")


def test_only_what_settles_is_worth_an_fsync() -> None:
    assert settles((_line(Happening.RESULT, 0),))
    assert not settles((_line(Happening.ONLINE, 0),))


@given(st.lists(st.tuples(st.sampled_from([Happening.ONLINE, Happening.RESULT]), st.integers(0, 3 * HOUR_MS))))
def test_a_kind_has_at_most_so_many_lines_an_hour_and_each_is_written_or_counted(
    said: list[tuple[Happening, int]],
) -> None:
    recent: dict[Happening, Recent] = {}
    written: list[Line] = []
    for kind, at in sorted(said, key=lambda one: one[1]):
        recent, kept = thinned(recent, _line(kind, at))
        written.extend([kept] if kept is not None else [])
    online = [line for line in written if line.kind is Happening.ONLINE]
    asked = sum(kind is Happening.ONLINE for kind, _ in said)
    left = recent.get(Happening.ONLINE, Recent()).left_out
    assert len(online) + sum(line.left_out for line in online) + left == asked
    assert all(sum(0 <= line.at - one.at < HOUR_MS for one in online) <= KIND_LINES_MAX for line in online)
    assert len(written) - len(online) == len(said) - asked


def test_a_clock_set_back_does_not_silence_a_kind() -> None:
    recent: dict[Happening, Recent] = {}
    for _ in range(KIND_LINES_MAX + 5):
        recent, _kept = thinned(recent, _line(Happening.ONLINE, 10 * HOUR_MS))
    _, kept = thinned(recent, _line(Happening.ONLINE, 0))
    assert kept is not None
    assert kept.left_out == 5
