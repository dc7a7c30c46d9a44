"""Every error is a problem that names what was wrong (RFC 9457)."""

from __future__ import annotations

import sqlite3
from typing import Any

import pytest
from sqlalchemy.exc import OperationalError

from pyv_fleet.api.problems import field_of
from pyv_fleet.engine.errors import Conflict, TooMany, Unavailable
from running.faces import Browser, StandInDesk, app_of

SPEC = {"channel": "stable", "release": "1.1", "reason": "why"}


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ({"waves": [3]}, "waves[0]"),
        ({"soak_seconds": -1}, "soak_seconds"),
        ({"wavs": ["1%"]}, "wavs"),
        ({"reason": ""}, "reason"),
        ({"budgets": {"lost_permyriad": 20_000}}, "budgets.lost_permyriad"),
        ({"channel": None}, "channel"),
    ],
)
def test_a_wrong_field_in_a_body_is_400_and_named(change: dict[str, Any], named: str) -> None:
    desk = StandInDesk()
    answer = Browser(app_of(desk), token="pyvapi1.operate")("POST", "/v1/rollouts", json={**SPEC, **change})
    assert answer.status_code == 400
    assert answer.headers["content-type"] == "application/problem+json"
    assert any(named in error for error in answer.json()["errors"])
    assert desk.asked == []


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b"\xff\xfe", b"nope", b"[" * 100_000])
def test_what_is_no_json_object_is_400(body: bytes) -> None:
    answer = Browser(app_of(StandInDesk()), token="pyvapi1.operate")("POST", "/v1/rollouts", content=body)
    assert answer.status_code == 400
    assert answer.json()["status"] == 400
    assert answer.json()["detail"] not in ("", "'data'")


def test_a_version_that_no_store_can_hold_is_400() -> None:
    answer = Browser(app_of(StandInDesk()), token="pyvapi1.read")("GET", f"/v1/trust/{10**30}")
    assert (answer.status_code, "version" in answer.json()["detail"]) == (400, True)


@pytest.mark.parametrize(
    ("query", "named"),
    [("limit=0", "limit"), ("limit=x", "limit"), ("connectivity=asleep", "connectivity"), ("standing=x", "standing")],
)
def test_a_wrong_parameter_is_400_and_named(query: str, named: str) -> None:
    answer = Browser(app_of(StandInDesk()), token="pyvapi1.read")("GET", f"/v1/devices?{query}")
    assert answer.status_code == 400
    assert named in answer.json()["errors"][0]


def test_a_label_that_cannot_be_read_is_refused() -> None:
    answer = Browser(app_of(StandInDesk()), token="pyvapi1.read")("GET", "/v1/devices?label=nope")
    assert answer.status_code == 422
    assert "nope" in answer.json()["detail"]


@pytest.mark.parametrize(("method", "path", "status"), [("GET", "/nope", 404), ("DELETE", "/v1/fleet", 405)])
def test_what_is_not_there_is_a_problem_too(method: str, path: str, status: int) -> None:
    answer = Browser(app_of(StandInDesk()))(method, path)
    assert (answer.status_code, answer.headers["content-type"]) == (status, "application/problem+json")


def test_the_engines_errors_keep_their_status_title_and_list() -> None:
    browser = Browser(app_of(StandInDesk(fails=Conflict("It stands", "see r-1", ("a", "b")))), token="pyvapi1.read")
    answer = browser("GET", "/v1/fleet")
    assert (answer.status_code, answer.json()["title"], answer.json()["errors"]) == (409, "It stands", ["a", "b"])


@pytest.mark.parametrize(("error", "wait"), [(TooMany("slow", retry_seconds=7), "7"), (Unavailable("down"), "5")])
def test_not_now_says_when(error: Exception, wait: str) -> None:
    answer = Browser(app_of(StandInDesk(fails=error)), token="pyvapi1.read")("GET", "/v1/fleet")
    assert answer.headers["retry-after"] == wait


@pytest.mark.parametrize(("why", "said"), [("database or disk is full", "disk that holds"), ("host db-1: no", "log")])
def test_a_store_that_takes_nothing_is_503_and_tells_nothing_of_the_inside(why: str, said: str) -> None:
    fault = OperationalError("UPDATE x", {"secret": 1}, sqlite3.OperationalError(why))
    answer = Browser(app_of(StandInDesk(fails=fault)), token="pyvapi1.read")("GET", "/v1/fleet")
    assert (answer.status_code, answer.headers["retry-after"]) == (503, "5")
    assert said in answer.json()["detail"]
    assert not any(inside in answer.text for inside in ("secret", "UPDATE", "db-1"))


def test_our_own_fault_tells_nothing_of_the_inside() -> None:
    browser = Browser(app_of(StandInDesk(fails=RuntimeError("the secret"))), token="pyvapi1.read")
    answer = browser("GET", "/v1/fleet")
    assert answer.status_code == 500
    assert "secret" not in answer.text


def test_msgspecs_place_comes_first() -> None:
    assert field_of("Expected `str`, got `int` - at `$.waves[0]`") == "waves[0]: Expected `str`, got `int`"
    assert field_of("anything else") == "anything else"
