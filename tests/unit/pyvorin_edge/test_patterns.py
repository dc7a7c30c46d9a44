"""Patterns fit whole names, without regard to case."""

import pytest

from pyvorin_edge.patterns import matches


@pytest.mark.parametrize(
    ("pattern", "name", "fits"),
    [
        ("*", "", True),
        ("temp-*", "TEMP-01", True),
        ("temp", "temp-01", False),
        ("t?", "t1", True),
        ("t[12]", "t3", False),
    ],
)
def test_a_pattern_fits_the_whole_name(pattern: str, name: str, fits: bool) -> None:
    assert matches(pattern, name) is fits
