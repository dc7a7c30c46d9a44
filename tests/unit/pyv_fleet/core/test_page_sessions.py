"""Sessions of the page: they end, they are bounded, and a form is good once, for one address, from one server."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pyv_fleet.core.page_sessions import (
    IDLE_MS,
    OF_A_TOKEN_MAX,
    SESSIONS_MAX,
    SPENT_MAX,
    WHOLE_MS,
    PageSession,
    Sessions,
    from_here,
    seal,
)
from pyv_fleet.core.words import AuthScope, SealFault


def session(key: str = "a", token: str = "t", scope: AuthScope = AuthScope.OPERATE, at: int = 0) -> PageSession:
    return PageSession(key=key, token_sha256=token, secret=key.encode() * 32, scope=scope, began_at=at, used_at=at)


def test_who_may_act_is_signed_out_after_half_an_hour_without_a_step_and_a_reader_is_not() -> None:
    actor, reader = session(), session(scope=AuthScope.READ)
    assert (actor.holds_at(IDLE_MS - 1), actor.holds_at(IDLE_MS)) == (True, False)
    assert (reader.holds_at(WHOLE_MS - 1), reader.holds_at(WHOLE_MS)) == (True, False)


def test_a_step_by_hand_keeps_it_and_what_a_page_fetches_by_itself_does_not() -> None:
    sessions = Sessions()
    sessions.begin(session())
    sessions.use("a", IDLE_MS - 1, by_hand=True)
    assert sessions.use("a", 2 * IDLE_MS - 2, by_hand=False) is not None
    assert sessions.use("a", 2 * IDLE_MS - 1, by_hand=False) is None
    assert sessions.standing("a") is None


def test_nobody_is_signed_in_for_ever_however_busy() -> None:
    sessions = Sessions()
    sessions.begin(session())
    for at in range(0, WHOLE_MS, IDLE_MS // 2):
        assert sessions.use("a", at, by_hand=True) is not None
    assert sessions.use("a", WHOLE_MS, by_hand=True) is None


def test_a_tokens_many_sessions_crowd_out_its_own_and_nobody_elses() -> None:
    sessions = Sessions()
    sessions.begin(session("other", token="other"))
    for number in range(OF_A_TOKEN_MAX + 1):
        sessions.begin(session(str(number)))
    assert sessions.standing("other") is not None
    assert (sessions.standing("0"), sessions.standing("1") is not None) == (None, True)


def test_there_are_never_more_than_so_many() -> None:
    sessions = Sessions()
    for number in range(SESSIONS_MAX + 5):
        sessions.begin(session(str(number), token=str(number)))
    assert sum(sessions.standing(str(number)) is not None for number in range(SESSIONS_MAX + 5)) == SESSIONS_MAX


def test_a_seal_is_good_once_for_its_session_and_its_address() -> None:
    sessions, mine, other = Sessions(), session("a"), session("b")
    shown = seal(mine, "/rollouts/r-1/pause", "n1")
    assert sessions.spend(mine, "/rollouts/r-1/abort", shown) is SealFault.FOREIGN
    assert sessions.spend(other, "/rollouts/r-1/pause", shown) is SealFault.FOREIGN
    assert sessions.spend(mine, "/rollouts/r-1/pause", shown) is None
    assert sessions.spend(mine, "/rollouts/r-1/pause", shown) is SealFault.SPENT


def test_the_list_of_spent_seals_is_bounded() -> None:
    sessions, mine = Sessions(), session()
    sessions.begin(mine)
    for number in range(SPENT_MAX + 10):
        assert sessions.spend(mine, "/x", seal(mine, "/x", str(number))) is None
    assert sessions.spend(mine, "/x", seal(mine, "/x", str(SPENT_MAX + 9))) is SealFault.SPENT


@given(st.text(max_size=80))
def test_no_text_is_a_seal(text: str) -> None:
    assert Sessions().spend(session(), "/x", text) is SealFault.FOREIGN


def test_the_secret_is_in_no_repr() -> None:
    assert "aaaa" not in repr(session())


@pytest.mark.parametrize(
    ("origin", "good"),
    [
        ("https://here:8443", True),
        ("http://here:8443", True),
        ("https://here:8444", False),
        ("https://there:8443", False),
        ("https://here:8443.evil", False),
        ("ftp://here:8443", False),
        ("null", False),
        ("", False),
    ],
)
def test_a_form_comes_from_this_very_server_port_included(origin: str, good: bool) -> None:
    assert from_here({"origin": origin, "host": "here:8443"}) is good
    assert from_here({"host": "here:8443"}) is False
