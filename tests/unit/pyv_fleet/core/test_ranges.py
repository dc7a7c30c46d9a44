"""Ranges are read as RFC 9110 asks: what is not understood is answered by the whole."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pyv_fleet.core.ranges import Piece, Span, Unsatisfiable, asked_span, brought_piece

ETAG = '"e"'


@pytest.mark.parametrize(
    ("asked", "span"),
    [
        (None, None),
        ("bytes=0-", Span(0, 99)),
        ("bytes=0-0", Span(0, 0)),
        ("bytes=90-200", Span(90, 99)),
        ("bytes=99-", Span(99, 99)),
        ("bytes=-5", Span(95, 99)),
        ("bytes=-500", Span(0, 99)),
        ("bytes=5-4", None),
        ("bytes=0-1,3-4", None),
        ("bytes=-", None),
        ("lines=0-1", None),
        ("bytes=a-b", None),
        ("bytes=٣-", None),
        ("bytes=99999999999999999999999-", None),
    ],
)
def test_a_range_is_a_span_or_everything(asked: str | None, span: Span | None) -> None:
    assert asked_span(100, ETAG, asked, None) == span


@pytest.mark.parametrize("asked", ["bytes=100-", "bytes=100-200", "bytes=-0"])
def test_a_range_behind_the_end_cannot_be_satisfied(asked: str) -> None:
    with pytest.raises(Unsatisfiable):
        asked_span(100, ETAG, asked, None)


@pytest.mark.parametrize(("if_range", "span"), [(ETAG, Span(5, 99)), ('"f"', None), ("Wed, 25 Nov 2026", None)])
def test_a_range_of_another_version_is_everything(if_range: str, span: Span | None) -> None:
    assert asked_span(100, ETAG, "bytes=5-", if_range) == span


@given(st.integers(1, 10**9), st.text(max_size=30) | st.from_regex(r"bytes=[0-9]{0,12}-[0-9]{0,12}", fullmatch=True))
def test_a_span_lies_within_the_file(size: int, asked: str) -> None:
    try:
        span = asked_span(size, ETAG, asked, None)
    except Unsatisfiable:
        return
    if span is not None:
        assert 0 <= span.first <= span.last < size
        assert span.size == span.last - span.first + 1


@pytest.mark.parametrize(
    ("stated", "piece"),
    [
        ("bytes 0-4/10", Piece(Span(0, 4), 10)),
        ("bytes */10", Piece(None, 10)),
        ("bytes 0-10/10", None),
        ("bytes 5-4/10", None),
        ("bytes 0-4/*", None),
        ("0-4/10", None),
    ],
)
def test_a_piece_says_where_it_belongs(stated: str, piece: Piece | None) -> None:
    assert brought_piece(stated) == piece
