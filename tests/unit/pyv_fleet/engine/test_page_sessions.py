"""Signing in on the page: a session holds as long as its token, and nobody tries tokens without end."""

from __future__ import annotations

import asyncio
import secrets

import pytest

from pyv_fleet.core.words import AuthScope
from pyv_fleet.engine.errors import Conflict, Forbidden, TooMany
from pyv_fleet.engine.page_sessions import SIGN_INS_BURST, PageSessions
from pyv_fleet.trust.tokens import hash_of, new_api_token

TOKEN = new_api_token()


class Place:
    """One token, a clock that is moved by hand."""

    def __init__(self, scope: AuthScope = AuthScope.OPERATE) -> None:
        self.keys = {hash_of(TOKEN): ("anna", scope)}
        self.now = 0
        self.sessions = PageSessions(lambda: self.now, secrets.token_bytes, self.standing)

    async def standing(self, sha256: str) -> tuple[str, AuthScope] | None:
        return self.keys.get(sha256)

    def sign_in(self, token: str = TOKEN) -> str | None:
        return asyncio.run(self.sessions.sign_in(token, "203.0.113.9"))

    def known(self, cookie: str) -> tuple[str, str, AuthScope] | None:
        return asyncio.run(self.sessions.known(cookie, by_hand=True))


def test_a_cookie_says_nothing_and_stands_for_name_and_scope() -> None:
    place = Place()
    cookie = place.sign_in()
    assert cookie is not None
    assert TOKEN not in cookie
    assert (place.known(cookie) or ())[1:] == ("anna", AuthScope.OPERATE)


def test_a_token_that_ends_ends_its_sessions_at_once() -> None:
    place = Place()
    cookie = place.sign_in() or ""
    place.keys.clear()
    assert place.known(cookie) is None


@pytest.mark.parametrize(
    "token", ["", "nonsense", new_api_token(), f"{TOKEN}x"], ids=["none", "nonsense", "another", "longer"]
)
def test_no_other_token_signs_in(token: str) -> None:
    assert Place().sign_in(token) is None


def test_the_key_that_devices_bring_telemetry_with_signs_nobody_in() -> None:
    assert Place(AuthScope.INGEST).sign_in() is None


def test_one_address_may_not_try_without_end_and_may_again_later() -> None:
    place = Place()
    for _ in range(SIGN_INS_BURST):
        place.sign_in("wrong")
    with pytest.raises(TooMany):
        place.sign_in()
    place.now += 60_000
    assert place.sign_in() is not None


def test_a_form_is_taken_once_and_not_after_signing_out() -> None:
    place = Place()
    key = (place.known(place.sign_in() or "") or ("",))[0]
    sealed = place.sessions.seal(key, "/x")
    place.sessions.spend(key, "/x", sealed)
    with pytest.raises(Conflict):
        place.sessions.spend(key, "/x", sealed)
    another = place.sessions.seal(key, "/x")
    place.sessions.sign_out(key)
    with pytest.raises(Forbidden):
        place.sessions.spend(key, "/x", another)
