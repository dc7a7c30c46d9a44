"""Memory to files and back: whole, by part, one struct a file (PROTOCOL 5, rule 3)."""

from __future__ import annotations

import msgspec
import pytest

from pyv_edge_agent.core.memory import FILES, Heard, Local, Memory, State, Trial, Tried, from_parts, parts
from pyvorin_edge.vocabulary import Cause, Outcome, Phase
from running.brain import Bench, a_target, an_installed

FULL = Memory(
    directive=b'{"a":1}',
    assignment=b'{"b":1}',
    trust=(b"one", b"two"),
    local=Local(release=None, against="a" * 64),  # type: ignore[arg-type]
    committed=an_installed("c"),
    previous=(an_installed("b"), an_installed(None)),
    trial=Trial(target=a_target(), phase=Phase.PROVING, staged=an_installed("a"), spread_left_seconds=1.5),
    quarantine=(
        Tried(
            release=a_target().release,
            overlay=a_target().overlay,
            attempt=1,
            outcome=Outcome.FAILED,
            code=Cause.GATE,
            tries=1,
            switched=True,
        ),
    ),
    state=State(boot=3, heard={"stable": Heard(epoch=1, generation=2)}),
)


@pytest.mark.parametrize("memory", [Memory(), FULL])
def test_what_is_written_is_read_back(memory: Memory) -> None:
    assert from_parts(parts(memory)) == memory


def test_each_part_has_its_file_and_what_is_not_there_has_none() -> None:
    found = parts(Memory())
    assert set(found) == set(FILES.values())
    assert [name for name, data in found.items() if data is not None] == ["state"]


def test_envelopes_are_kept_as_they_came() -> None:
    found = parts(FULL)
    assert (found["desired-directive"], found["trust/2"]) == (b'{"a":1}', b"two")


def test_what_power_may_part_is_written_in_an_order_that_loses_nothing() -> None:
    order = list(parts(FULL))
    assert order.index("desired-directive") < order.index("state"), "heard and not there: the order would be lost"
    assert order.index("previous") < order.index("committed"), "a way back would be lost"
    assert order[-1] == "trial", "a bad end would be forgotten, and tried again"


def test_a_gap_in_the_trust_documents_ends_them() -> None:
    found = parts(FULL)
    del found["trust/1"]
    assert from_parts(found).trust == ()


def test_a_part_that_cannot_be_read_is_an_error() -> None:
    with pytest.raises(msgspec.DecodeError):
        from_parts({"committed": b'{"release":'})


def test_a_part_of_an_older_agent_reads_with_its_defaults() -> None:
    committed = msgspec.json.decode(parts(FULL)["committed"] or b"")
    del committed["measured_by"]
    read = from_parts({"committed": msgspec.json.encode(committed)}).committed
    assert read == an_installed("c")


def test_the_same_memory_is_the_same_bytes() -> None:
    bench = Bench()
    before = parts(bench.memory)
    assert parts(from_parts(before)) == before
