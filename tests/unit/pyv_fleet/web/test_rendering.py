"""Values as a page shows them."""

from __future__ import annotations

import datetime as dt

from pyv_fleet.core.words import AlertState, RolloutState, Verdict
from pyv_fleet.web.rendering import clock, figure, mood, share, short, words
from pyvorin_edge.vocabulary import Connectivity, HealthStatus, Standing


def test_every_word_that_is_good_news_or_bad_has_a_colour() -> None:
    assert {mood(word) for word in (Connectivity.ONLINE, HealthStatus.HEALTHY, Standing.IN_STEP, Verdict.GOOD)} == {
        "good"
    }
    assert {mood(word) for word in (Connectivity.LOST, RolloutState.REVERTED, AlertState.FIRING)} == {"bad"}
    assert mood("anything else") == "quiet"


def test_what_is_not_known_is_a_dash_and_never_a_zero() -> None:
    assert (figure(None), figure(0.0), clock(None)) == ("–", "0.0", "never")


def test_times_are_utc() -> None:
    east = dt.timezone(dt.timedelta(hours=2))
    assert clock(dt.datetime(2026, 1, 1, 12, 30, tzinfo=east)) == "10:30:00"


def test_a_share_of_nothing_is_nothing() -> None:
    assert (share(1, 0), share(1, 4)) == (0.0, 25.0)


def test_words_for_people() -> None:
    assert words(Connectivity.NEVER_SEEN) == "never seen"


def test_digests_are_cut_and_nothing_else() -> None:
    assert short(f"1.1 {'ab' * 32} stable") == "1.1 ababababab… stable"
    assert short("FLEET-0a1b2c3d4e5f abc") == "FLEET-0a1b2c3d4e5f abc"
