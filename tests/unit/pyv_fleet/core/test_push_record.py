"""A push's record says what is done; a line that was cut off never happened, and other orders begin anew."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pyv_fleet.core.push import HostResult, PushError
from pyv_fleet.core.push_record import Subject, left_alone, proved_line, read_record, result_line, subject_line
from pyv_fleet.core.words import HostState

SUBJECT = Subject(generations={"stable": 7})
LINES = [
    subject_line(SUBJECT),
    result_line(HostResult(host="a", state=HostState.COMMITTED, boot_id="b")),
    proved_line(),
    result_line(HostResult(host="b", state=HostState.FAILED)),
    result_line(HostResult(host="b", state=HostState.COMMITTED)),
]


def test_the_last_word_on_each_host_counts_and_the_proof_stays() -> None:
    record, whole = read_record(b"".join(LINES))
    assert whole == sum(map(len, LINES))
    assert record.proved
    assert {name: one.state for name, one in record.results.items()} == {
        "a": HostState.COMMITTED,
        "b": HostState.COMMITTED,
    }


@given(cut=st.integers(len(LINES[0]), sum(map(len, LINES))))
def test_cut_anywhere_it_is_the_record_of_its_whole_lines(cut: int) -> None:
    data = b"".join(LINES)[:cut]
    record, whole = read_record(data)
    assert data[:whole] == b"".join(LINES)[:whole]
    assert whole == 0 or data[whole - 1 : whole] == b"\n"
    assert len(record.results) <= 2


def test_only_good_results_stand_and_only_for_the_same_orders() -> None:
    record, _ = read_record(b"".join(LINES[:4]))
    assert set(left_alone(record, SUBJECT)) == {"a"}
    with pytest.raises(PushError, match="other orders"):
        left_alone(record, Subject(generations={"stable": 8}))


@pytest.mark.parametrize("data", [b"x\n", b"{}\n", b'{"subject":{"form":"other","generations":{}}}\n'])
def test_another_file_is_no_record(data: bytes) -> None:
    with pytest.raises(PushError, match="no record"):
        read_record(data)
