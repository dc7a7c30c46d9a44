"""The page as HTML: what it shows, what it escapes, who sees it."""

from __future__ import annotations

import re

import msgspec

from pyv_fleet.core.words import AuthScope, WaveState
from pyvorin_edge.vocabulary import Connectivity
from running.faces import PAGE_TOKENS, Browser, StandInDesk, app_of, device, rollout

NEAR = "127.0.0.1"


def html(path: str = "/", desk: StandInDesk | None = None) -> str:
    answer = Browser(app_of(desk or StandInDesk(), page_open_on_loopback=True), address=NEAR)("GET", path)
    assert answer.status_code == 200
    return answer.text


def test_each_part_names_the_command_that_does_the_same() -> None:
    commands = set(re.findall(r"<code>(pyv-fleet [^<]*)</code>", html()))
    assert commands == {
        "pyv-fleet health", "pyv-fleet rollout watch r-1", "pyv-fleet attention", "pyv-fleet channel list",
        "pyv-fleet alert list", "pyv-fleet audit list", "pyv-fleet device list",
    }  # fmt: skip


def test_it_says_why_the_rollout_stands_where_it_stands() -> None:
    assert "did not become healthy within its gate" in html()


def test_what_comes_from_devices_is_escaped() -> None:
    text = html(desk=StandInDesk(fleet_devices=[device("FLEET-1", labels={"a": '"><script>x</script>'})]))
    assert "<b>edited</b>" not in text
    assert "<script>x" not in text


def test_nothing_in_it_needs_more_than_the_policy_allows() -> None:
    answer = Browser(app_of(StandInDesk(), page_open_on_loopback=True), address=NEAR)("GET", "/")
    assert "script-src 'self'; style-src 'self'" in answer.headers["content-security-policy"]
    assert re.search(r"\sstyle=|\son[a-z]+=|<style|<script>|https?://", answer.text) is None


def test_the_filter_is_the_stores_work_and_pages_go_on() -> None:
    many = [device(f"FLEET-{number:03d}", labels={"kind": "simulated"}) for number in range(30)]
    many[7] = device("FLEET-007", connectivity=Connectivity.OFFLINE)
    desk = StandInDesk(fleet_devices=many)
    assert html("/page/devices?q=offline", desk).count('scope="row"') == 1
    first = html("/page/devices", desk)
    following = re.search(r'rel="next" href="/\?q=&amp;after=([^#"]+)', first)
    assert following is not None
    assert html(f"/page/devices?after={following[1]}", desk).count('scope="row"') == 5


def test_a_filter_that_means_nothing_says_so() -> None:
    assert "is no connectivity" in html("/page/devices?q=a/b")


def test_by_default_even_loopback_is_asked_for_a_token() -> None:
    browser = Browser(app_of(StandInDesk()), address=NEAR)
    answer = browser("GET", "/")
    assert (answer.status_code, answer.headers["location"]) == (303, "/login")
    live = browser("GET", "/page/overview", headers={"hx-request": "true"})
    assert live.headers["hx-redirect"] == "/login"


def test_signing_in_keeps_the_token_where_no_script_and_no_other_site_gets_it() -> None:
    browser = Browser(app_of(StandInDesk()))
    here = {"origin": "https://127.0.0.1:8443"}
    token = PAGE_TOKENS[AuthScope.READ]
    answer = browser("POST", "/login", data={"token": token}, headers=here)
    cookie = answer.headers["set-cookie"]
    assert answer.status_code == 303
    assert all(word in cookie.lower() for word in ("__host-", "httponly", "samesite=strict", "secure"))
    assert token not in cookie
    assert browser("POST", "/login", data={"token": "wrong"}, headers=here).status_code == 401
    assert (
        browser("POST", "/login", data={"token": token}, headers={"origin": "https://127.0.0.1:1"}).status_code == 403
    )


def test_an_old_cookie_leads_to_the_login() -> None:
    assert Browser(app_of(StandInDesk()), session="gone")("GET", "/").status_code == 303


def test_no_file_outside_static_is_served() -> None:
    browser = Browser(app_of(StandInDesk()))
    assert browser("GET", "/static/htmx.min.js").status_code == 200
    assert browser("GET", "/static/..%2Fpage.py").status_code == 404


def test_a_wave_says_in_words_where_it_stands() -> None:
    canary, rest = rollout().waves
    begun = msgspec.structs.replace(canary, state=WaveState.APPLYING, verdict=None, devices=0, reverted=0, because="")
    running = rollout(waves=(begun, rest), ended_at=None)
    text = html("/page/overview", StandInDesk(fleet_rollouts=[running]))
    assert "its devices are being told" in text
    assert "not begun" in text
    assert "left out" in html("/page/overview", StandInDesk(fleet_rollouts=[rollout(waves=(begun, rest))]))
