"""Tokens, and who is admitted by one (PROTOCOL 2)."""

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pyv_fleet.core.words import AuthScope, EnrolRefusal
from pyv_fleet.trust import tokens
from pyv_fleet.trust.errors import TokenMalformed
from pyv_fleet.trust.tokens import Admitted, ApiToken, Enrolled, EnrolmentTerms, Refused, admit

ONE = EnrolmentTerms(token_id="t1", sha256="0" * 64, channel="stable", labels={}, uses_left=1, expires_at=1000)
BOUND = msgspec.structs.replace(ONE, device_id="dev-a")
SPENT = msgspec.structs.replace(ONE, uses_left=0)
KEY_A, KEY_B = "a" * 64, "b" * 64
KNOWN = Enrolled(key_sha256=KEY_A, incarnation=3)


def test_a_fresh_id_is_admitted_and_uses_the_token_once() -> None:
    assert admit(ONE, "dev-a", KEY_A, None, 0) == Admitted(incarnation=1, uses=1)


def test_the_same_key_again_costs_nothing_even_on_a_spent_token() -> None:
    assert admit(SPENT, "dev-a", KEY_A, KNOWN, 0) == Admitted(incarnation=3, uses=0)


def test_another_key_for_a_known_id_is_refused_with_an_alert() -> None:
    assert admit(ONE, "dev-a", KEY_B, KNOWN, 0) == Refused(reason=EnrolRefusal.OTHER_KEY, alert=True)


def test_a_token_bound_to_the_id_replaces_its_key_and_the_incarnation_grows() -> None:
    assert admit(BOUND, "dev-a", KEY_B, KNOWN, 0) == Admitted(incarnation=4, uses=1, replaces_key=True)


def test_a_spent_bound_token_replaces_no_key() -> None:
    spent = msgspec.structs.replace(BOUND, uses_left=0)
    assert admit(spent, "dev-a", KEY_B, KNOWN, 0) == Refused(reason=EnrolRefusal.USED_UP)


def test_a_bound_token_admits_no_other_id() -> None:
    assert admit(BOUND, "dev-b", KEY_B, None, 0) == Refused(reason=EnrolRefusal.OTHER_DEVICE, alert=True)


@pytest.mark.parametrize("key", [KEY_A, KEY_B])
def test_a_quarantined_device_is_admitted_by_no_token(key: str) -> None:
    quarantined = msgspec.structs.replace(KNOWN, quarantined=True)
    assert admit(BOUND, "dev-a", key, quarantined, 0) == Refused(reason=EnrolRefusal.QUARANTINED, alert=True)


def test_a_spent_token_admits_nobody_new() -> None:
    assert admit(SPENT, "dev-a", KEY_A, None, 0) == Refused(reason=EnrolRefusal.USED_UP)


@pytest.mark.parametrize(("now_ms", "admitted"), [(999, True), (1000, False), (1001, False)])
def test_a_token_ends_at_its_time(now_ms: int, admitted: bool) -> None:
    assert isinstance(admit(ONE, "dev-a", KEY_A, KNOWN, now_ms), Admitted) is admitted


@given(
    st.lists(st.tuples(st.sampled_from(["dev-a", "dev-b", "dev-c"]), st.sampled_from([KEY_A, KEY_B])), max_size=20),
    st.integers(0, 3),
)
def test_an_unbound_token_never_admits_more_ids_than_its_uses_nor_two_keys_for_one(
    tries: list[tuple[str, str]], uses: int
) -> None:
    token, fleet = msgspec.structs.replace(ONE, uses_left=uses), {}
    for device_id, key in tries:
        answer = admit(token, device_id, key, fleet.get(device_id), 0)
        if isinstance(answer, Admitted):
            before = fleet.get(device_id)
            assert before is None or before.key_sha256 == key
            fleet[device_id] = Enrolled(key_sha256=key, incarnation=answer.incarnation)
            token = msgspec.structs.replace(token, uses_left=token.uses_left - answer.uses)
    assert len(fleet) <= uses


def test_tokens_are_stored_as_a_hash_and_compared_by_it() -> None:
    made = tokens.new_enrolment_token("cd" * 32)
    stored = tokens.hash_of(made.text)
    assert made.text not in stored
    assert tokens.matches(made.text, stored)
    assert not tokens.matches(made.text + "x", stored)
    assert made.server_ca_spki_sha256 == "cd" * 32


def test_tokens_differ() -> None:
    assert len({tokens.new_api_token() for _ in range(100)}) == 100


def test_an_api_token_parses_and_anything_else_is_refused_unrepeated() -> None:
    text = tokens.new_api_token(lambda count: b"\xff" * count)
    assert tokens.parse_api_token(f" {text}\n") == text
    with pytest.raises(TokenMalformed) as caught:
        tokens.parse_api_token("pyvapi1.short-secret")
    assert "short-secret" not in str(caught.value)


def test_an_api_token_is_in_force_until_its_end() -> None:
    token = ApiToken(token_id="a", sha256="0" * 64, name="ci", scope=AuthScope.READ, expires_at=1000)
    assert tokens.in_force(token, 999)
    assert not tokens.in_force(token, 1000)
    assert tokens.in_force(msgspec.structs.replace(token, expires_at=None), 10**15)


@given(st.text())
def test_any_text_can_be_hashed(text: str) -> None:
    assert len(tokens.hash_of(text)) == 64
