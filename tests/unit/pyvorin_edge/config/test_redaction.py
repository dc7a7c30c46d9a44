"""Secrets are found by name and hidden before a document leaves the device."""

from __future__ import annotations

import pytest

from pyvorin_edge.config.redaction import REDACTED, is_secret_name, redact, secret_pointers, shown_at


@pytest.mark.parametrize("name", ["api_key", "apiKey", "API-KEY", "password", "db_passwd", "token", "client_secret"])
def test_secret_names_are_known_in_any_spelling(name: str) -> None:
    assert is_secret_name(name)


@pytest.mark.parametrize("name", ["endpoint", "name", "batch_size", "sensor_pattern", "unit"])
def test_ordinary_names_are_not_secret(name: str) -> None:
    assert not is_secret_name(name)


def test_secret_values_are_hidden_whole_and_the_rest_stays() -> None:
    document = {"cloud": {"api_key": "k", "endpoint": "https://x/"}, "tokens": {"a": 1}, "l": [{"password": "p"}]}
    assert secret_pointers(document) == ("/cloud/api_key", "/tokens", "/l/0/password")
    assert redact(document) == {
        "cloud": {"api_key": REDACTED, "endpoint": "https://x/"},
        "tokens": REDACTED,
        "l": [{"password": REDACTED}],
    }


def test_a_login_in_a_url_is_hidden() -> None:
    assert redact({"endpoint": "https://user:pw@host/path"}) == {"endpoint": REDACTED}


def test_a_bare_reference_stays_readable_and_a_default_does_not() -> None:
    assert redact({"api_key": "${KEY}", "token": "${T:-hunter2}"}) == {"api_key": "${KEY}", "token": REDACTED}


def test_after_substitution_nothing_is_a_reference() -> None:
    assert redact({"api_key": "${KEY}"}, substituted=True) == {"api_key": REDACTED}


def test_further_pointers_can_be_hidden() -> None:
    assert redact({"a": {"b": [1, 2]}}, frozenset({"/a/b/1"})) == {"a": {"b": [1, REDACTED]}}


def test_a_value_is_found_by_its_pointer_and_below_a_hidden_one_is_hidden() -> None:
    shown = {"a/b": [{"c": 1}], "token": REDACTED, "null": None}
    assert shown_at(shown, "/a~1b/0/c") == 1
    assert shown_at(shown, "/token/inner") == REDACTED
    assert [shown_at(shown, pointer, "absent") for pointer in ("/null", "/a~1b/1", "/x")] == [None, "absent", "absent"]
