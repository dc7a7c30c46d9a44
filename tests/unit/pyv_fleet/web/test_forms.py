"""Pages of rollouts and rollbacks and their forms: what is shown and escaped, who may act, with what consent."""

from __future__ import annotations

import html
import re
from functools import cache
from typing import Any

import msgspec
import pytest
from litestar import Litestar

from pyv_fleet.core.views import AlertView, AnalysisView
from pyv_fleet.core.words import AlertState, AuthScope, RolloutAct, RolloutState, Verdict, WaveState
from pyv_fleet.engine.errors import Conflict
from running.faces import NOW, Browser, StandInDesk, app_of, rollout

NASTY = '"><script>x</script>'
EMERGENCY = AlertView(
    id="a-9", name="emergency", device_id=None, state=AlertState.FIRING, detail=f"anna rolls {NASTY} out",
    verified=True, raised_at=NOW, resolved_at=None,
)  # fmt: skip


def running(**changes: Any) -> Any:
    canary, rest = rollout().waves
    seen = AnalysisView(verdict=Verdict.GOOD, said=f"no worse than the control {NASTY}")
    begun = msgspec.structs.replace(
        canary, state=WaveState.APPLYING, verdict=None, devices=3, committed=1, reverted=0, failed=1, because="",
        allowed={"failed": 1}, analysis=seen,
    )  # fmt: skip
    fields = {
        "waves": (begun, msgspec.structs.replace(rest, started_at=None)), "state": RolloutState.ROLLING,
        "ended_at": None, "moves": ("pause", "abort", "abort --stay", "promote", "skip"), "version": NASTY,
        "reason": NASTY, "because": f"wave 1 {NASTY}",
    }  # fmt: skip
    return rollout(**{**fields, **changes})


def place(scope: AuthScope | None = AuthScope.OPERATE, **desk: Any) -> tuple[StandInDesk, Browser]:
    """A fleet as it is told, and a browser; nobody who calls from loopback needs to sign in only to look."""
    fleet, app = one_app()
    fleet.__dict__.clear()
    fleet.__init__(**{"fleet_rollouts": [running()], **desk})  # type: ignore[misc]
    return fleet, Browser(app, signed_in=scope, address="127.0.0.1" if scope is None else "203.0.113.9")


@cache
def one_app() -> tuple[StandInDesk, Litestar]:
    """Building it takes longer than all that is done with it."""
    fleet = StandInDesk()
    return fleet, app_of(fleet, page_open_on_loopback=True)


PAGES = (
    "/", "/rollouts", "/rollouts/r-1", "/rollouts/r-1/devices?standing=failed", "/rollbacks", "/rollbacks/b-1",
    "/page/rollouts/r-1", "/page/rollbacks/b-1", "/rollouts/new?channel=stable&release=1.2&waves=1%25",
    "/rollbacks/new?channel=stable&to=last-good", "/rollouts/r-1/abort", "/alerts/a-9/acknowledge",
)  # fmt: skip


@pytest.mark.parametrize("path", PAGES)
def test_nothing_that_was_said_becomes_html_and_nothing_needs_more_than_the_policy_allows(path: str) -> None:
    _, browser = place(AuthScope.ADMIN, emergency=(EMERGENCY,))
    answer = browser("GET", path)
    assert answer.status_code == 200
    assert "<script>x" not in answer.text
    assert re.search(r"\sstyle=|\son[a-z]+=|<style|<script>|https?://", answer.text) is None


@pytest.mark.parametrize("path", PAGES[:6])
def test_an_emergency_stands_on_every_page_and_only_who_may_act_has_a_button(path: str) -> None:
    _, reader = place(None, emergency=(EMERGENCY,))
    text = reader("GET", path).text
    assert "anna rolls" in text
    assert "/acknowledge" not in text
    _, operator = place(emergency=(EMERGENCY,))
    assert "/alerts/a-9/acknowledge" in operator("GET", path).text


def test_a_reader_sees_the_rollout_and_its_commands_and_no_button() -> None:
    _, browser = place(None)
    text = browser("GET", "/rollouts/r-1").text
    assert "pyv-fleet rollout pause r-1" in text
    assert 'class="button' not in text
    assert browser("GET", "/rollouts/r-1/pause").headers["location"] == "/login?next=/rollouts/r-1/pause"


def test_each_device_of_a_wave_is_counted_once_by_its_own_word() -> None:
    _, browser = place()
    counts = re.findall(r"<strong>(\d+)</strong> (\w+)</a>", browser("GET", "/page/rollouts/r-1").text)
    assert {word: int(count) for count, word in counts} == {"applying": 1, "committed": 1, "failed": 1}
    assert "of 1 allowed" in browser("GET", "/page/rollouts/r-1").text


def test_the_buttons_are_what_the_state_allows() -> None:
    _, browser = place()
    found = set(re.findall(r'id="verb-([\w-]+)"', browser("GET", "/page/rollouts/r-1").text))
    assert found == {"pause", "abort", "abort-stay", "promote", "skip"}


def test_an_act_is_done_under_the_name_of_who_signed_in() -> None:
    desk, browser = place()
    answer = browser.send("/rollouts/r-1/pause", reason=NASTY)
    assert (answer.status_code, answer.headers["location"]) == (303, "/rollouts/r-1")
    [(_, rollout_id, act, verb, actor)] = [one for one in desk.asked if one[0] == "act"]
    assert (rollout_id, act, verb.reason, actor) == ("r-1", RolloutAct.PAUSE, NASTY, "operateer")


@pytest.mark.parametrize(
    ("path", "fields", "said"),
    [
        ("/rollouts/r-1/pause", {"reason": " "}, "A reason is needed"),
        ("/rollouts/r-1/abort", {"reason": "x"}, "A count is needed"),
        ("/rollouts/r-1/abort", {"reason": "x", "count": "4"}, "You typed 4: nothing was done"),
        ("/rollbacks/new", {"reason": "x", "to": "1.0", "channel": "stable"}, "A count is needed"),
        ("/rollbacks/new", {"reason": "x", "to": "1.0", "count": "2"}, "Which devices?"),
        ("/rollouts/new", {"reason": "x", "channel": "stable", "release": "1.2"}, "No plan"),
        ("/rollouts/new", {"reason": "x", "channel": "stable", "release": "1.2", "soak": "-1"}, "whole number"),
    ],
)
def test_without_its_consent_nothing_is_done_and_the_form_says_what_is_missing(
    path: str, fields: dict[str, str], said: str
) -> None:
    desk, browser = place()
    answer = browser.send(path, **fields)
    assert answer.status_code == 422
    assert said in html.unescape(answer.text)
    acts = [one for one in desk.asked if one[0] in ("act", "create_rollout")]
    acts += [one for one in desk.asked if one[0] == "rollback" and not one[1].dry_run]
    assert acts == []


def test_an_abort_with_its_count_goes_back_and_one_that_stays_needs_none() -> None:
    desk, browser = place()
    assert browser.send("/rollouts/r-1/abort", reason="x", count="3").status_code == 303
    assert browser.send("/rollouts/r-1/abort-stay", reason="x").status_code == 303
    assert [one[3].stay for one in desk.asked if one[0] == "act"] == [False, True]


def test_what_is_refused_is_said_above_the_form_and_the_reason_is_kept() -> None:
    _, browser = place(refuses=Conflict("not now", "four eyes: another person must approve it"))
    answer = browser.send("/rollouts/r-1/approve", reason="read the diff")
    assert answer.status_code == 409
    assert "another person must approve it" in answer.text
    assert 'value="read the diff"' in answer.text


def test_a_rollout_is_made_as_it_was_planned_and_an_emergency_is_offered_to_admins_alone() -> None:
    desk, browser = place()
    shown = browser("GET", "/rollouts/new?channel=stable&release=1.2&waves=kind%3Dreal%3A1%0A100%25&soak=60").text
    assert "12" * 32 in shown
    assert 'name="emergency" value="1"' not in shown
    command = html.unescape(re.findall(r"<code>(pyv-fleet rollout create[^<]*)</code>", shown)[0])
    assert command.startswith("pyv-fleet rollout create --channel stable --release 1.2 --soak 60 --wave kind=real:1")
    made = browser.send(
        "/rollouts/new", channel="stable", release="1.2", waves="kind=real:1\r\n100%", soak="60", plan="12" * 32,
        reason="ticket 1",
    )  # fmt: skip
    assert made.headers["location"] == "/rollouts/r-1"
    [(_, spec, actor)] = [one for one in desk.asked if one[0] == "create_rollout"]
    assert (spec.waves, spec.soak_seconds, spec.plan, actor) == (("kind=real:1", "100%"), 60, "12" * 32, "operateer")
    _, admin = place(AuthScope.ADMIN)
    assert 'name="emergency" value="1"' in admin("GET", "/rollouts/new").text


def test_a_rollback_is_ordered_for_just_the_count_that_was_typed() -> None:
    desk, browser = place()
    answer = browser.send("/rollbacks/new", to="1.0", channel="*", labels="site=a,b", count="2", reason="it broke")
    assert answer.headers["location"] == "/rollbacks/b-1"
    spec = next(one[1] for one in desk.asked if one[0] == "rollback")
    assert (spec.all, spec.labels, spec.expect_count, spec.dry_run) == (True, {"site": ("a", "b")}, 2, False)


def test_an_undo_is_a_rollback_with_its_count() -> None:
    desk, browser = place()
    assert "2 devices" in browser("GET", "/rollouts/r-1/undo").text
    assert browser.send("/rollouts/r-1/undo", reason="x", count="2").headers["location"] == "/rollbacks/b-1"
    assert [one[1].expect_count for one in desk.asked if one[0] == "rollback" and not one[1].dry_run] == [2]


def test_an_emergency_is_acknowledged_with_a_reason() -> None:
    desk, browser = place(emergency=(EMERGENCY,))
    assert browser.send("/alerts/a-9/acknowledge", reason="looked").status_code == 303
    assert ("acknowledge", "a-9", "looked", "operateer") in desk.asked


def test_rollbacks_under_way_count_their_acknowledgements_on_the_overview() -> None:
    _, browser = place(None, missing=("FLEET-2",))
    assert "1 of 2 online devices acknowledged, 1 waited for" in browser("GET", "/page/overview").text


def test_a_form_sent_twice_acts_once() -> None:
    desk, browser = place()
    browser("GET", "/")
    seal = browser.sealed("/rollouts/r-1/pause")
    sent = [browser.send("/rollouts/r-1/pause", reason="x", seal=seal).status_code for _ in range(2)]
    assert sent == [303, 409]
    assert len([one for one in desk.asked if one[0] == "act"]) == 1


def test_a_reader_who_is_signed_in_may_not_act() -> None:
    desk, browser = place(AuthScope.READ)
    assert browser.send("/rollouts/r-1/pause", reason="x").status_code == 403
    assert [one for one in desk.asked if one[0] == "act"] == []


def test_signing_out_ends_the_session_here_and_there() -> None:
    _, browser = place()
    answer = browser.send("/logout")
    assert (answer.status_code, answer.headers["location"]) == (303, "/login")
    assert browser("GET", "/rollouts").status_code == 303


@pytest.mark.parametrize("onward", ["//evil.example", "/\\evil.example", "https://evil.example", "/x\r\ny", "evil"])
def test_signing_in_leads_to_no_other_server(onward: str) -> None:
    _, browser = place()
    assert "evil" not in browser("GET", "/login", params={"next": onward}).text
