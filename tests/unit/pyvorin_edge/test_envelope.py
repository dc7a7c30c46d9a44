"""DSSE envelopes: the vectors hold, securesystemslib agrees, and nothing unsigned is believed."""

from __future__ import annotations

import base64
import json
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given
from hypothesis import strategies as st
from securesystemslib import dsse
from securesystemslib.exceptions import VerificationError
from securesystemslib.signer import CryptoSigner, SSlibKey

from pyvorin_edge import envelope, wire
from pyvorin_edge.envelope import EnvelopeError, keyid_of, open_envelope, public_bytes, seal, signers


def cases(name: str) -> list[dict[str, Any]]:
    return json.loads((Path(__file__).parent / f"vectors/{name}.json").read_text())["cases"]


def key_of(seed_hex: str) -> Ed25519PrivateKey:
    return Ed25519PrivateKey.from_private_bytes(bytes.fromhex(seed_hex))


def known(*keys: Ed25519PrivateKey) -> dict[str, bytes]:
    return {keyid_of(public_bytes(key)): public_bytes(key) for key in keys}


ONE, TWO, THREE = (key_of(f"{number:02x}" * 32) for number in (1, 2, 3))
PAYLOAD = b'{"v":1}'


def sslib_key(key: Ed25519PrivateKey) -> SSlibKey:
    public = public_bytes(key)
    return SSlibKey(keyid_of(public), "ed25519", "ed25519", {"public": public.hex()})


@pytest.mark.parametrize("case", cases("keyids"))
def test_a_keyid_is_the_vector_s(case: dict[str, str]) -> None:
    assert public_bytes(key_of(case["seed"])).hex() == case["public"]
    assert keyid_of(bytes.fromhex(case["public"])) == case["keyid"]


def test_protocol_s_own_keyid_holds() -> None:
    assert keyid_of(public_bytes(key_of("00" * 32))).startswith("4cc3f338069d638e761e")


@pytest.mark.parametrize("case", cases("pre_authentication_encodings"))
def test_what_is_signed_is_the_vector_s(case: dict[str, str]) -> None:
    made = envelope.pre_authentication_encoding(case["payload_type"], bytes.fromhex(case["payload_hex"]))
    assert made.hex() == case["pae_hex"]


@pytest.mark.parametrize("case", cases("envelopes"))
def test_an_envelope_is_the_vector_s(case: dict[str, Any]) -> None:
    keys = [key_of(seed) for seed in case["seeds"]]
    sealed = seal(bytes.fromhex(case["payload_hex"]), case["payload_type"], keys)
    assert sealed.decode() == case["envelope"]
    opened = open_envelope(sealed)
    assert opened.payload.hex() == case["payload_hex"]
    assert signers(opened, known(*keys)) == frozenset(known(*keys))


@given(st.binary(max_size=500), st.text(max_size=60))
def test_securesystemslib_verifies_what_we_seal(payload: bytes, payload_type: str) -> None:
    sealed = seal(payload, payload_type, [ONE, TWO])
    theirs = dsse.Envelope.from_dict(json.loads(sealed))
    assert theirs.verify([sslib_key(ONE), sslib_key(TWO)], 2)
    with pytest.raises(VerificationError):
        theirs.verify([sslib_key(ONE), sslib_key(THREE)], 2)


@given(st.binary(max_size=500), st.text(max_size=60))
def test_we_verify_what_securesystemslib_seals(payload: bytes, payload_type: str) -> None:
    theirs = dsse.Envelope(payload, payload_type, {})
    theirs.sign(CryptoSigner(ONE, sslib_key(ONE)))
    opened = open_envelope(json.dumps(theirs.to_dict()).encode())
    assert opened.payload == payload
    assert signers(opened, known(ONE, TWO)) == frozenset(known(ONE))


@given(st.integers(0, 10**6), st.integers(1, 255))
def test_a_changed_byte_is_no_longer_signed(where: int, difference: int) -> None:
    opened = open_envelope(seal(PAYLOAD, "t", [ONE]))
    changed = bytearray(opened.payload)
    changed[where % len(changed)] ^= difference
    forged = envelope.Envelope(bytes(changed), opened.payload_type, opened.signatures)
    assert signers(forged, known(ONE)) == frozenset()


def test_the_payload_type_is_signed_too() -> None:
    opened = open_envelope(seal(PAYLOAD, envelope.TYPE_DIRECTIVE, [ONE]))
    forged = envelope.Envelope(PAYLOAD, envelope.TYPE_RELEASE, opened.signatures)
    assert signers(forged, known(ONE)) == frozenset()


def test_one_key_signing_twice_counts_once() -> None:
    assert signers(open_envelope(seal(PAYLOAD, "t", [ONE, ONE])), known(ONE, TWO)) == frozenset(known(ONE))


def test_a_signature_under_another_s_keyid_does_not_count() -> None:
    value = json.loads(seal(PAYLOAD, "t", [ONE]))
    value["signatures"][0]["keyid"] = next(iter(known(TWO)))
    assert signers(open_envelope(json.dumps(value).encode()), known(ONE, TWO)) == frozenset()


def test_keys_that_are_not_asked_for_do_not_count() -> None:
    assert signers(open_envelope(seal(PAYLOAD, "t", [THREE])), known(ONE, TWO)) == frozenset()


def test_one_false_signature_does_not_spoil_the_good_one() -> None:
    value = json.loads(seal(PAYLOAD, "t", [ONE, TWO]))
    value["signatures"][0]["sig"] = base64.b64encode(b"short").decode()
    assert signers(open_envelope(json.dumps(value).encode()), known(ONE, TWO)) == frozenset(known(TWO))


GOOD: dict[str, Any] = json.loads(seal(PAYLOAD, "t", [ONE]))
SIGNATURE = GOOD["signatures"][0]


@pytest.mark.parametrize(
    "value",
    [None, 1, "x", [], {}]
    + [{key: item for key, item in GOOD.items() if key != missing} for missing in GOOD]
    + [
        GOOD | changed
        for changed in (
            {"payload": 1},
            {"payload": "not base64"},
            {"payload": "e30"},
            {"payload": "é"},
            {"payloadType": 1},
            {"payloadType": None},
            {"signatures": {}},
            {"signatures": []},
            {"signatures": [SIGNATURE] * 17},
            {"signatures": [1]},
            {"signatures": ["x"]},
            {"signatures": [{"keyid": 1, "sig": SIGNATURE["sig"]}]},
            {"signatures": [{"keyid": "a"}]},
            {"signatures": [{"keyid": "a", "sig": "%"}]},
        )
    ],
)
def test_a_misshapen_envelope_is_refused_in_words(value: Any) -> None:
    with pytest.raises(EnvelopeError):
        open_envelope(json.dumps(value).encode())


@given(st.binary(max_size=100) | st.text(max_size=100).map(lambda text: json.dumps({"payload": text}).encode()))
def test_any_bytes_are_refused_without_a_crash(data: bytes) -> None:
    with pytest.raises(EnvelopeError):
        open_envelope(data)


def test_an_envelope_over_the_limit_is_refused_before_it_is_parsed() -> None:
    sealed = seal(b"x" * wire.ORDER_BYTES_MAX, "t", [ONE])
    with pytest.raises(EnvelopeError, match="at most 8192"):
        open_envelope(sealed)
    assert open_envelope(sealed, limit_bytes=len(sealed)).payload == b"x" * wire.ORDER_BYTES_MAX
