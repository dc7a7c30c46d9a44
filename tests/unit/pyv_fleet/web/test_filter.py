"""The devices' filter, written as people would."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pyv_fleet.web.filter import parse_filter
from pyvorin_edge.vocabulary import Connectivity, Standing


def test_words_join_by_and() -> None:
    found = parse_filter("Offline  kind=real channel:stable drifted")
    assert (found.connectivity, found.standing, found.channel, found.labels) == (
        Connectivity.OFFLINE, Standing.DRIFTED, "stable", {"kind": "real"},
    )  # fmt: skip


def test_the_same_stands_as_a_command() -> None:
    command = parse_filter("kind=real offline").command
    assert command == "pyv-fleet device list --label kind=real --connectivity offline"
    assert parse_filter("FLEET-0a1b").command == "pyv-fleet device show FLEET-0a1b"


@pytest.mark.parametrize("text", ["a/b", "=x", "channel:UPPER", "<script>"])
def test_what_means_nothing_is_named(text: str) -> None:
    assert parse_filter(f"online {text}").unknown == text


@given(st.text(max_size=60))
def test_no_text_breaks_it(text: str) -> None:
    assert parse_filter(text).command.startswith("pyv-fleet device ")
