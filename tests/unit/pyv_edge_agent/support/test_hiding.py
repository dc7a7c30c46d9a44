"""A known secret is found in every form; what looks like one is hidden too; the rest stays readable."""

from __future__ import annotations

import base64
import json
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pyv_edge_agent.support.hiding import Hider, secret_words, secrets_in, texts_of

SECRET = st.text(st.characters(exclude_categories=["Cs"]), min_size=8, max_size=40).filter(
    lambda text: len(text.strip()) >= 8
)


@given(SECRET, st.text(max_size=30), st.text(max_size=30))
def test_a_known_secret_never_stays_in_any_form(secret: str, before: str, after: str) -> None:
    hider = Hider([secret])
    raw = secret.strip().encode()
    text = before + secret + after
    for form in (
        text.encode("utf-8", "replace"),
        json.dumps([text]).encode(),
        json.dumps([text], ensure_ascii=False).encode("utf-8", "replace"),
        f"{before}?x={quote(raw, safe='')}&y".encode("utf-8", "replace"),
        raw.hex().encode(),
        repr(text).encode("utf-8", "replace") if "'" not in text else b"",
    ):
        assert not hider.holds(hider.hidden(form))
        assert raw not in hider.hidden(form)


@given(SECRET, st.binary(max_size=20), st.binary(max_size=20))
def test_base64_around_a_secret_does_not_carry_it(secret: str, before: bytes, after: bytes) -> None:
    raw = secret.strip().encode()
    found = Hider([secret]).hidden(base64.b64encode(before + raw + after))
    assert b"[redacted]" in found


def test_longer_secrets_go_first_so_that_no_tail_stays() -> None:
    assert Hider(["abcd", "abcdefgh"]).hidden(b"x abcdefgh y") == b"x [redacted] y"


@pytest.mark.parametrize(
    "text",
    [
        b"https://user:hunter22@host/path",
        b"Authorization: Bearer hunter22.abc",
        b"api_key=hunter22",
        b"password: hunter22",
        b"pyv1.hunter22hunter22.00ff",
        b"-----BEGIN EC PRIVATE KEY-----\nhunter22\n-----END EC PRIVATE KEY-----",
        b"-----BEGIN PRIVATE KEY-----\nhunter22",
    ],
)
def test_what_looks_like_a_secret_is_hidden(text: bytes) -> None:
    assert b"hunter22" not in Hider([]).hidden(text)


def test_what_is_no_secret_stays() -> None:
    text = b'{"release": "1.0", "port": 8080, "token_file": "x", "path": "/windows/default_size"}'
    assert Hider(["8080"[:3]]).hidden(text) == text


def test_secrets_of_a_config_are_found_by_name_below_it_and_in_urls() -> None:
    document = {
        "cloud": {"api_key": "k1k1", "endpoint": "https://u:p2p2@h/x"},
        "tokens": [{"a": "t3t3"}],
        "n": {"x": 1},
    }
    found = set(secrets_in(document))
    assert {"k1k1", "t3t3", "u:p2p2", "p2p2"} <= found
    assert "1" not in found


def test_a_file_of_secrets_gives_its_lines_and_values() -> None:
    assert {"A=b c", "b c", "x"} <= set(secret_words("A=b c\nB='x'\n"))
    assert list(texts_of({"a": [1, True, None, "x"]})) == ["1", "x"]
