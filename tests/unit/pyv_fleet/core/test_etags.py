"""What a writer saw: equal contents have equal etags, and headers say what was seen."""

from __future__ import annotations

import pytest

from pyv_fleet.core.etags import NOTHING, etag_of, seen_in
from pyv_fleet.core.policy import Policy


def test_the_same_content_has_the_same_etag_and_another_has_another() -> None:
    assert etag_of(Policy()) == etag_of(Policy(soak_seconds=60))
    assert len({etag_of({"a": value}) for value in (1, 1.0, True, "1", None)}) == 5


@pytest.mark.parametrize(
    ("if_match", "if_none_match", "seen"),
    [
        ('"abc"', None, "abc"),
        ('W/"abc"', None, "abc"),
        ("abc", None, "abc"),
        (None, "*", NOTHING),
        ("*", None, None),
        (None, None, None),
    ],
)
def test_headers_say_what_was_seen(if_match: str | None, if_none_match: str | None, seen: str | None) -> None:
    assert seen_in(if_match, if_none_match) == seen
