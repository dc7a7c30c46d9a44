"""The enrolment token's text."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pyvorin_edge.enrolment import TokenError, make_token, parse_token

SPKI = "ab" * 32


@given(st.binary(min_size=16, max_size=64))
def test_a_made_token_parses_to_itself(secret: bytes) -> None:
    token = make_token(secret, SPKI)
    assert parse_token(f"  {token.text}\n") == token
    assert token.server_ca_spki_sha256 == SPKI


def test_a_token_below_128_bits_is_not_made() -> None:
    with pytest.raises(TokenError, match="16"):
        make_token(b"x" * 15, SPKI)


@pytest.mark.parametrize("text", ["", "pyv1", "pyv1.abc." + SPKI, "pyv2." + "a" * 43 + "." + SPKI, "pyv1." + "a" * 43])
def test_what_is_no_token_is_refused(text: str) -> None:
    with pytest.raises(TokenError):
        parse_token(text)


def test_the_secret_is_in_no_message() -> None:
    secret = "s" * 43
    with pytest.raises(TokenError) as caught:
        parse_token(f"pyv1.{secret}.{SPKI[:-1]}")
    assert secret not in str(caught.value)
    assert secret not in repr(make_token(b"x" * 32, SPKI))


@given(st.text())
def test_any_text_is_a_token_or_an_error(text: str) -> None:
    try:
        token = parse_token(text)
    except TokenError:
        return
    assert token.text == text.strip()
