"""A PUBACK is told under the tag of its publish, in whatever order paho tells."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from pyv_edge_agent.link.tags import Tags


def test_a_puback_is_told_under_its_tag() -> None:
    told: list[int] = []
    tags = Tags(told.append)
    tags.sent(1, 41)
    tags.sent(2, None)
    tags.acknowledged(2)
    tags.acknowledged(1)
    assert told == [41]


def test_a_puback_that_comes_before_publish_returned_is_told_once() -> None:
    told: list[int] = []
    tags = Tags(told.append)
    tags.acknowledged(1)
    tags.sent(1, 41)
    assert told == [41]


@given(st.permutations([(kind, mid) for mid in range(4) for kind in ("sent", "acknowledged")]))
def test_each_tag_is_told_exactly_once_in_any_order(acts: list[tuple[str, int]]) -> None:
    told: list[int] = []
    tags = Tags(told.append)
    for kind, mid in acts:
        if kind == "sent":
            tags.sent(mid, 100 + mid)
        else:
            tags.acknowledged(mid)
    assert sorted(told) == [100, 101, 102, 103]
