"""Which alerts a silence mutes, and when."""

from __future__ import annotations

from typing import Any

import pytest

from pyv_fleet.core.silences import Matcher, Silence, muting

BERLIN = {"site": "berlin"}


@pytest.mark.parametrize(
    ("said", "fits"),
    [
        ({"everything": True}, True),
        ({"names": ("unreachable",)}, True),
        ({"names": ("cpu",)}, False),
        ({"names": ("cpu", "unreachable"), "where": {"site": ("berlin", "rome")}}, True),
        ({"names": ("unreachable",), "where": {"site": ("rome",)}}, False),
        ({"device_ids": ("dev-a",)}, True),
        ({"device_ids": ("dev-b",)}, False),
    ],
)
def test_all_that_is_said_must_fit(said: dict[str, Any], fits: bool) -> None:
    assert Matcher(**said).fits("unreachable", "dev-a", BERLIN) is fits


def test_one_that_says_nothing_is_a_slip_and_everything_is_said_alone() -> None:
    assert not Matcher().says_something
    assert Matcher(everything=True).says_something
    assert not Matcher(everything=True, names=("cpu",)).says_something
    assert Matcher(names=("cpu",)).says_something


def test_it_is_written_as_people_read_it() -> None:
    assert str(Matcher(names=("cpu",), where={"site": ("berlin",)})) == "alert=cpu site=berlin"
    assert str(Matcher(everything=True)) == "everything"


def test_it_mutes_from_its_beginning_until_its_end_and_the_longest_is_named() -> None:
    short = Silence(id="short", matcher=Matcher(everything=True), begins_at=10, ends_at=20)
    long = Silence(id="long", matcher=Matcher(names=("cpu",)), begins_at=10, ends_at=30)
    assert [muting([short, long], "cpu", None, {}, now) for now in (9, 10, 20, 30)] == [None, "long", "long", None]
