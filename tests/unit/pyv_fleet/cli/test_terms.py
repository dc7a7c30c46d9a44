"""A channel's herd as a person says it: what is not said stays, an empty word takes away."""

from __future__ import annotations

from typing import Any

import click
import pytest

from pyv_fleet.cli.terms import PLAIN, changed_terms
from pyv_fleet.core.policy import Herd
from pyv_fleet.core.views import ChannelBody

NOTHING: dict[str, Any] = {
    **dict.fromkeys((*PLAIN, "policy", "window", "download_window", "herd", "herd_silent_seconds")),
    "freezes": (), "no_freeze": False, "hold_outs": (), "no_hold_out": False,
}  # fmt: skip
SITE = ChannelBody(herd=Herd(at_once=2, label="site", silent_seconds=600))


@pytest.mark.parametrize(
    ("before", "said", "after"),
    [
        (ChannelBody(), {"herd": "site=2"}, Herd(at_once=2, label="site")),
        (ChannelBody(), {"herd": "20"}, Herd(at_once=20)),
        (SITE, {}, SITE.herd),
        (SITE, {"herd": ""}, None),
        (SITE, {"herd": "20"}, Herd(at_once=20, silent_seconds=600)),
        (SITE, {"herd_silent_seconds": 900}, Herd(at_once=2, label="site", silent_seconds=900)),
    ],
)
def test_what_is_said_of_the_herd_is_changed_alone(before: ChannelBody, said: dict[str, Any], after: Herd) -> None:
    assert changed_terms(before, NOTHING | said).herd == after


@pytest.mark.parametrize(
    ("said", "told"),
    [
        ({"herd": "site"}, "write 20, or site=2"),
        ({"herd": "=2"}, "write 20, or site=2"),
        ({"herd": "site=-1"}, "write 20, or site=2"),
        ({"herd": "site=0"}, "at_once"),
        ({"herd_silent_seconds": 900}, "there is no herd"),
    ],
)
def test_nonsense_is_refused_in_words(said: dict[str, Any], told: str) -> None:
    with pytest.raises(click.UsageError, match=told):
        changed_terms(ChannelBody(), NOTHING | said)
