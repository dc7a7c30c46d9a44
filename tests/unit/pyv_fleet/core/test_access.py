"""Who may call what: one decision, shut unless stated."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pyv_fleet.core.access import Caller, Doors, May, decide, known_host, on_loopback, within
from pyv_fleet.core.words import AuthScope

OUTSIDE = "203.0.113.9"
SCOPES = st.sampled_from(AuthScope)
RANK = list(AuthScope)


def caller(**facts: object) -> Caller:
    return Caller(**{"address": OUTSIDE, **facts})  # type: ignore[arg-type]


@given(scope=st.none() | SCOPES, device=st.booleans(), address=st.sampled_from([OUTSIDE, "127.0.0.1", "::1"]))
def test_a_route_that_states_nothing_is_shut_to_everybody(scope: AuthScope | None, device: bool, address: str) -> None:
    who = caller(name="x", scope=scope, device_id="d" if device else None, address=address)
    assert decide(May(), who, Doors(page_open_on_loopback=True), "d") is not None


@given(needed=SCOPES, has=SCOPES)
def test_a_token_opens_its_scope_and_those_below(needed: AuthScope, has: AuthScope) -> None:
    denied = decide(May(scope=needed), caller(name="x", scope=has), Doors(), None)
    assert (denied is None) == (RANK.index(has) >= RANK.index(needed))
    assert denied is None or denied.status == 403


def test_nobody_gets_401_and_is_told_what_is_needed() -> None:
    denied = decide(May(scope=AuthScope.ADMIN), caller(), Doors(), None)
    assert denied is not None
    assert (denied.status, "admin" in denied.why) == (401, True)


def test_a_device_reaches_only_what_is_its_own() -> None:
    own = May(same_device=True)
    assert decide(own, caller(device_id="a"), Doors(), "a") is None
    assert decide(own, caller(device_id="a"), Doors(), "b") is not None
    assert decide(May(device=True), caller(device_id="a"), Doors(), None) is None
    assert decide(May(scope=AuthScope.READ), caller(device_id="a"), Doors(), None) is not None


@given(scope=SCOPES, needed=SCOPES)
def test_a_session_opens_the_page_and_its_forms_and_nothing_else(scope: AuthScope, needed: AuthScope) -> None:
    who = caller(name="x", scope=scope, session="k")
    assert decide(May(scope=needed), who, Doors(), None) is not None
    assert (decide(May(page=True), who, Doors(), None) is None) == (scope is not AuthScope.INGEST)
    acts = decide(May(scope=needed, form=True), who, Doors(), None) is None
    assert acts == (RANK.index(scope) >= RANK.index(needed))


@given(scope=SCOPES)
def test_a_form_is_open_to_sessions_alone_whatever_the_token_and_the_place(scope: AuthScope) -> None:
    form, near = May(scope=AuthScope.OPERATE, form=True), Doors(page_open_on_loopback=True)
    assert decide(form, caller(name="x", scope=scope, address="127.0.0.1"), near, None) is not None
    assert decide(form, caller(address="127.0.0.1"), near, None) is not None


def test_the_key_that_devices_bring_telemetry_with_opens_no_route() -> None:
    who = caller(name="devices", scope=AuthScope.INGEST)
    for may in (May(scope=AuthScope.READ), May(page=True), May(article=True), May(device=True)):
        assert decide(may, who, Doors(), None) is not None


def test_the_articles_clients_come_from_their_networks_alone() -> None:
    article = May(article=True)
    assert decide(article, caller(address="127.0.0.1"), Doors(), None) is None
    assert decide(article, caller(address=OUTSIDE), Doors(), None) is not None
    assert decide(article, caller(address=OUTSIDE), Doors(article_networks=("203.0.113.0/24",)), None) is None


def test_the_page_is_open_on_loopback_only_where_the_settings_say_so() -> None:
    near = caller(address="127.0.0.1")
    assert decide(May(page=True), near, Doors(), None) is not None
    assert decide(May(page=True), near, Doors(page_open_on_loopback=True), None) is None
    assert decide(May(page=True), caller(), Doors(page_open_on_loopback=True), None) is not None


def test_being_near_opens_nothing_under_a_foreign_host_name() -> None:
    led_here = caller(address="127.0.0.1", host_known=False)
    assert decide(May(page=True), led_here, Doors(page_open_on_loopback=True), None) is not None
    assert decide(May(article=True), led_here, Doors(), None) is not None
    assert decide(May(loopback=True), led_here, Doors(), None) is not None


@pytest.mark.parametrize(
    ("header", "known"),
    [
        ("localhost:8090", True),
        ("127.0.0.1", True),
        ("[::1]:8090", True),
        ("fleet.example:443", True),
        ("FLEET.example", True),
        ("evil.example", False),
        ("", False),
        (None, False),
    ],
)
def test_a_host_header_is_known_by_address_localhost_or_the_settings(header: str | None, known: bool) -> None:
    assert known_host(header, ("fleet.example",)) is known


@pytest.mark.parametrize("address", ["127.0.0.1", "127.8.9.1", "::1", "::ffff:127.0.0.1"])
def test_loopback_in_all_its_forms(address: str) -> None:
    assert on_loopback(address)
    assert within(address, ("127.0.0.0/8", "::1/128"))


@pytest.mark.parametrize("address", [None, "", "testclient", "10.0.0.1", "::ffff:10.0.0.1"])
def test_what_is_no_loopback_address_is_none(address: str | None) -> None:
    assert not on_loopback(address)
