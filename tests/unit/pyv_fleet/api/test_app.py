"""Every route, walked: with nothing, with too little, with another device's certificate (SECURITY: Salt's lesson)."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from litestar.routes import HTTPRoute

from pyv_fleet.core.access import May
from pyv_fleet.core.words import AuthScope
from running.faces import Browser, StandInDesk, app_of, certificate

ROUTES = {
    (method, route.path_format, handler.opt.get("may"))
    for route in app_of(StandInDesk()).routes
    if isinstance(route, HTTPRoute)
    for method, (handler, _) in route.route_handler_map.items()
    if method != "OPTIONS"
}
WALK = sorted(((method, path, may) for method, path, may in ROUTES), key=lambda one: one[:2])
#: what is open to all, because it asks for its own credentials or holds nothing
OPEN = {
    "/.well-known/est/cacerts", "/.well-known/est/simpleenroll", "/.well-known/est/simplereenroll", "/login",
    "/static/{name}", "/v1/ingest",
}  # fmt: skip


def walk(**more: object) -> Iterator[tuple[str, str, May]]:
    for method, path, may in WALK:
        if not may.everyone:
            yield method, path.replace("{device_id}", "FLEET-1").replace("{version}", "1"), may


def test_every_route_states_who_may_call_it() -> None:
    assert [(method, path) for method, path, may in WALK if not isinstance(may, May)] == []


def test_only_what_must_be_open_is_open_to_everybody() -> None:
    assert {path for _, path, may in WALK if may.everyone and not path.startswith("/schema")} == OPEN


def test_without_credentials_from_outside_nothing_opens() -> None:
    browser = Browser(app_of(StandInDesk(), page_open_on_loopback=True))
    answers = {(method, path): browser(method, path).status_code for method, path, _ in walk()}
    on_page = {(method, path) for method, path, may in walk() if (may.page or may.form) and path != "/v1/events"}
    assert {code for one, code in answers.items() if one not in on_page} == {401}
    assert {answers[one] for one in on_page} == {303}


@pytest.mark.parametrize("has", [AuthScope.READ, AuthScope.OPERATE])
def test_a_token_of_too_low_a_scope_gets_403_and_does_nothing(has: AuthScope) -> None:
    desk = StandInDesk()
    browser = Browser(app_of(desk), token=f"pyvapi1.{has.value}")
    too_high = [
        (method, path) for method, path, may in walk()
        if may.scope is not None and list(AuthScope).index(may.scope) > list(AuthScope).index(has)
    ]  # fmt: skip
    assert too_high
    assert {browser(method, path).status_code for method, path in too_high} == {403}
    assert desk.asked == []


def test_another_devices_certificate_opens_no_devices_route() -> None:
    other = certificate("FLEET-2")
    desk = StandInDesk(certificates={"FLEET-2": other.serial_number})
    browser = Browser(app_of(desk), bearing=other)
    answers = {
        (method, path): browser(method, path).status_code for method, path, may in walk() if not may.device
        and not may.page
    }  # fmt: skip
    assert set(answers.values()) == {403}
    assert desk.asked == []


def test_a_certificate_that_the_store_does_not_hold_valid_is_nobody() -> None:
    revoked = certificate("FLEET-1")
    browser = Browser(app_of(StandInDesk(certificates={})), bearing=revoked)
    assert {browser(method, path).status_code for method, path, may in walk() if may.same_device} == {401}


def test_an_expired_certificate_is_nobody() -> None:
    old = certificate("FLEET-1", days=-1)
    desk = StandInDesk(certificates={"FLEET-1": old.serial_number})
    assert Browser(app_of(desk), bearing=old)("GET", "/v1/devices/FLEET-1/desired").status_code == 401


def test_a_session_of_the_page_opens_nothing_of_the_api() -> None:
    browser = Browser(app_of(StandInDesk()), signed_in=AuthScope.ADMIN)
    codes = {browser(method, path).status_code for method, path, may in walk() if not may.page and not may.form}
    assert codes == {403}
    assert browser("GET", "/").status_code == 200


def test_no_form_is_taken_that_a_page_of_this_server_did_not_make() -> None:
    desk = StandInDesk()
    browser = Browser(app_of(desk), signed_in=AuthScope.ADMIN)
    forms = [path for method, path, may in walk() if may.form and method == "POST"]
    assert "/rollouts/new" in forms
    assert {browser("POST", path, headers={"origin": "https://127.0.0.1:8443"}).status_code for path in forms} == {403}
    assert {browser("POST", path, data={"seal": "x.y"}).status_code for path in forms} == {403}
    assert [one for one in desk.asked if one[0] != "attention"] == []


def test_a_token_in_a_header_opens_no_form() -> None:
    browser = Browser(app_of(StandInDesk()), token="pyvapi1.admin")
    assert {browser(method, path).status_code for method, path, may in walk() if may.form} == {403}


def test_openapi_is_served_and_names_the_routes() -> None:
    schema = Browser(app_of(StandInDesk()))("GET", "/schema").json()
    assert schema["openapi"].startswith("3.1")
    assert {"/v1/devices", "/v1/rollouts", "/v1/golden-hash"} <= schema["paths"].keys()


def test_a_body_over_the_limit_is_413() -> None:
    browser = Browser(app_of(StandInDesk()), token="pyvapi1.operate")
    assert browser("POST", "/v1/rollouts", content=b"x" * 300_000).status_code == 413
