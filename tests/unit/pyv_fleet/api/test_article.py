"""The article's drift script against our API, to the letter (PROTOCOL 9)."""

from __future__ import annotations

import pytest

from running.faces import GOLDEN, Browser, StandInDesk, app_of

NEAR = "127.0.0.1"
ALERT = '{"device_id":"FLEET-1","alert":"config_drift","hash":"ab"}'


def test_the_golden_hash_is_its_64_characters_and_nothing_else() -> None:
    answer = Browser(app_of(StandInDesk()), address=NEAR)("GET", "/v1/golden-hash?device_id=FLEET-1")
    assert (answer.status_code, answer.text) == (200, GOLDEN)
    assert answer.headers["content-type"].startswith("text/plain")


@pytest.mark.parametrize(
    ("address", "method", "query", "status"),
    [
        (NEAR, "GET", "", 400),
        (NEAR, "GET", "?device_id=a/b", 422),
        (NEAR, "POST", "?device_id=FLEET-1", 405),
        ("203.0.113.9", "GET", "?device_id=FLEET-1", 401),
    ],
)
def test_every_error_there_has_an_empty_body(address: str, method: str, query: str, status: int) -> None:
    answer = Browser(app_of(StandInDesk()), address=address)(method, f"/v1/golden-hash{query}")
    assert (answer.status_code, answer.content) == (status, b"")


def test_an_unknown_golden_is_an_error_with_an_empty_body() -> None:
    answer = Browser(app_of(StandInDesk(golden=None)), address=NEAR)("GET", "/v1/golden-hash?device_id=FLEET-1")
    assert (answer.status_code, answer.content) == (404, b"")


@pytest.mark.parametrize("kind", ["application/json", "application/x-www-form-urlencoded"])
def test_an_alert_without_credentials_is_taken_and_marked_unverified(kind: str) -> None:
    desk = StandInDesk()
    browser = Browser(app_of(desk), address=NEAR)
    answer = browser("POST", "/v1/alerts", content=ALERT, headers={"content-type": kind})
    assert (answer.status_code, answer.content) == (202, b"")
    assert desk.asked == [("article_alert", "FLEET-1", "config_drift", "ab", False)]


def test_with_a_token_an_alert_is_verified() -> None:
    desk = StandInDesk()
    Browser(app_of(desk), token="pyvapi1.read")("POST", "/v1/alerts", content=ALERT)
    assert desk.asked[0][-1] is True


@pytest.mark.parametrize("body", ["", "{}", '{"device_id":"a/b","alert":"x"}', '{"device_id":1}', '{"a":1,"a":2}'])
def test_a_bad_alert_is_refused_and_changes_nothing(body: str) -> None:
    desk = StandInDesk()
    assert Browser(app_of(desk), address=NEAR)("POST", "/v1/alerts", content=body).status_code == 422
    assert desk.asked == []


def test_ingest_without_a_key_is_401() -> None:
    assert Browser(app_of(StandInDesk()), address=NEAR)("POST", "/v1/ingest", content="{}").status_code == 401
