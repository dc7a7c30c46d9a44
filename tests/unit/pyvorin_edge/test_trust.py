"""Trust: from one public key along a chain of documents, and nobody steps beside it (documents made by tuf's Root)."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from securesystemslib.signer import CryptoSigner, SSlibKey
from tuf.api.metadata import Metadata, Root, Snapshot
from tuf.api.metadata import Role as TufRole
from tuf.api.serialization.json import JSONSerializer

from pyvorin_edge import envelope, trust, wire
from pyvorin_edge.envelope import keyid_of, open_envelope, public_bytes, seal
from pyvorin_edge.trust import Trust, TrustError, advance, advance_all, from_key, holds, parse_anchor
from pyvorin_edge.vocabulary import Role

Key = Ed25519PrivateKey
A, B, C, D, E, RELEASE, DIRECTIVE, LATER, STRANGER = (Key.from_private_bytes(bytes([n]) * 32) for n in range(9))
EXPIRES = datetime(2030, 1, 1, tzinfo=UTC)
EXTRA: dict[str, Any] = {"fleet": "acme", "epoch": 1}


def tuf_key(key: Key) -> SSlibKey:
    public = public_bytes(key)
    return SSlibKey(keyid_of(public), "ed25519", "ed25519", {"public": public.hex()})


def role(keys: Sequence[Key], threshold: int = 1) -> TufRole:
    return TufRole([tuf_key(key).keyid for key in keys], threshold)


def document(
    version: int,
    root: Sequence[Key],
    threshold: int,
    signed_by: Sequence[Key],
    *,
    extra: Any = EXTRA,
    directive: Key = DIRECTIVE,
    expires: datetime = EXPIRES,
    **roles: TufRole,
) -> bytes:
    """A trust document as a root ceremony would make it, right or wrong."""
    keys = {tuf_key(key).keyid: tuf_key(key) for key in (*root, RELEASE, directive)}
    held = {"root": role(root, threshold), "targets": role([RELEASE])}
    held |= {"timestamp": role([directive]), "snapshot": role([directive])} | roles
    fields = {} if extra is None else {"x-pyvorin": extra}
    metadata = Metadata(
        Root(version=version, expires=expires, keys=keys, roles=held, unrecognized_fields=fields),
    )
    for key in signed_by:
        metadata.sign(CryptoSigner(key, tuf_key(key)), append=True)
    return metadata.to_bytes(JSONSerializer(compact=True))


ONE = document(1, [A], 1, [A])
TWO = document(2, [B, C, D], 2, [A, B, C])
THREE = document(3, [C, D, E], 2, [B, C, D], directive=LATER)
ANCHOR = from_key(public_bytes(A))


def refused(before: Trust, made: bytes) -> str:
    with pytest.raises(TrustError) as why:
        advance(before, made)
    return str(why.value)


def test_a_chain_leads_from_one_key_through_two_thresholds() -> None:
    one = advance(ANCHOR, ONE)
    two = advance(one, TWO)
    three = advance(two, THREE)
    assert [one.version, two.version, three.version] == [1, 2, 3]
    assert three.roles[Role.ROOT].threshold == 2
    assert set(three.roles[Role.DIRECTIVE].by_id) == {keyid_of(public_bytes(LATER))}
    assert three.document == THREE
    assert three.anchor_key == public_bytes(A)


def test_one_who_slept_catches_up_in_order() -> None:
    assert advance_all(ANCHOR, (ONE, TWO, THREE)).version == 3
    assert advance_all(advance(ANCHOR, ONE), (ONE, TWO, THREE)).version == 3
    assert advance_all(ANCHOR, ()) == ANCHOR
    with pytest.raises(TrustError, match="does not follow"):
        advance_all(ANCHOR, (ONE, THREE))


def test_a_skipped_version_or_the_same_again_is_refused() -> None:
    assert "version 2 does not follow 0" in refused(ANCHOR, TWO)
    one = advance(ANCHOR, ONE)
    assert "version 3 does not follow 1" in refused(one, THREE)
    assert "version 1 does not follow 1" in refused(one, ONE)


def test_a_document_below_the_old_or_the_new_threshold_is_refused() -> None:
    one = advance(ANCHOR, ONE)
    assert "not signed by enough root keys" in refused(one, document(2, [B, C, D], 2, [B, C]))  # old: none
    assert "not signed by enough root keys" in refused(one, document(2, [B, C, D], 2, [A, B]))  # new: one of two
    two = advance(one, TWO)
    assert "not signed by enough root keys" in refused(two, document(3, [C, D, E], 2, [C, E]))  # old: one of two
    assert "not signed by enough root keys" in refused(two, document(3, [C, D, E], 2, [B, C]))  # new: one of two


def test_new_keys_alone_or_a_stranger_s_do_not_count() -> None:
    assert "not signed by the trust anchor" in refused(ANCHOR, document(1, [B], 1, [B]))
    assert "not signed" in refused(from_key(public_bytes(STRANGER)), ONE)
    assert "not signed" in refused(advance(ANCHOR, ONE), document(2, [STRANGER], 1, [STRANGER]))


def test_a_first_document_must_stand_by_its_own_root_role_too() -> None:
    assert "not signed by enough root keys" in refused(ANCHOR, document(1, [B, C], 2, [A, B]))


def test_a_key_signing_twice_counts_once() -> None:
    value = json.loads(document(2, [B, C, D], 2, [A, B]))
    value["signatures"].append(dict(value["signatures"][1]))
    refused(advance(ANCHOR, ONE), json.dumps(value).encode())


@pytest.mark.parametrize(
    "change",
    [
        lambda value: value["signed"].update(version=2),
        lambda value: value["signed"].update(expires="2031-01-01T00:00:00Z"),
        lambda value: value["signed"]["x-pyvorin"].update(epoch=9),
        lambda value: value["signed"]["x-pyvorin"].update(floor=9),
        lambda value: value["signatures"][0].update(sig="00" * 64),
        lambda value: value["signatures"][0].update(sig="no hex"),
        lambda value: value["signatures"][0].update(keyid="00" * 32),
        lambda value: value["signatures"].clear(),
    ],
)
def test_a_changed_document_is_refused(change: Any) -> None:
    value = json.loads(ONE)
    change(value)
    refused(ANCHOR, json.dumps(value).encode())


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"{",
        b"[]",
        b"1",
        b'"x"',
        b"null",
        b"{}",
        b'{"signed":1,"signatures":[]}',
        b'{"signed":{},"signatures":[]}',
        b'{"signed":{"_type":"root"},"signatures":[]}',
        b'{"signed":{"_type":["root"]},"signatures":{}}',
        b"\xff\xfe",
        b"[" * 30_000,
        b'{"a":' * 5_000,
        b" " * (wire.TRUST_BYTES_MAX + 1),
        ONE[:-1],
        ONE.replace(b'"signatures":', b'"signatures":[],"signatures":'),
        ONE.replace(b'"keyval":{"public":', b'"keyval":{"private":'),
        ONE.replace(b'"threshold":1', b'"threshold":0'),
        ONE.replace(b'"threshold":1', b'"threshold":"1"'),
    ],
    ids=range(20),
)
def test_what_is_no_trust_document_is_refused_in_words(data: bytes) -> None:
    refused(ANCHOR, data)
    with pytest.raises(TrustError):
        advance_all(ANCHOR, (data,))


def test_another_kind_of_tuf_document_is_refused() -> None:
    metadata = Metadata(Snapshot(version=1, expires=EXPIRES))
    metadata.sign(CryptoSigner(A, tuf_key(A)))
    assert "type root" in refused(ANCHOR, metadata.to_bytes())


@pytest.mark.parametrize(
    ("extra", "named"),
    [
        (None, "x-pyvorin"),
        ({"epoch": 1}, "fleet"),
        ({"fleet": "acme"}, "epoch"),
        ({"fleet": "a b", "epoch": 1}, "fleet"),
        ({"fleet": "acme\n", "epoch": 1}, "fleet"),
        ({"fleet": "acme", "epoch": -1}, "epoch"),
        ({"fleet": "acme", "epoch": 1, "floor": "high"}, "floor"),
        ({"fleet": "acme", "epoch": 1, "link": {"mqtt": "x:1"}}, "link"),
        ([], "x-pyvorin"),
    ],
)
def test_a_field_of_ours_that_is_missing_or_wrong_is_named(extra: Any, named: str) -> None:
    assert named in refused(ANCHOR, document(1, [A], 1, [A], extra=extra))


def test_another_fleet_s_document_is_refused() -> None:
    one = advance(ANCHOR, ONE)
    assert "acme" in refused(one, document(2, [A], 1, [A], extra=EXTRA | {"fleet": "other"}))


def test_an_epoch_never_goes_back() -> None:
    one = advance(ANCHOR, document(1, [A], 1, [A], extra=EXTRA | {"epoch": 3}))
    assert "epoch 2 is below 3" in refused(one, document(2, [A], 1, [A], extra=EXTRA | {"epoch": 2}))
    assert advance(one, document(2, [A], 1, [A], extra=EXTRA | {"epoch": 4})).epoch == 4


def test_timestamp_and_snapshot_must_be_equal() -> None:
    made = document(1, [A], 1, [A], snapshot=role([RELEASE]))
    assert "must be equal" in refused(ANCHOR, made)


def test_a_role_s_key_that_the_document_does_not_hold_is_refused_in_words() -> None:
    made = document(1, [A], 1, [A], targets=role([STRANGER]))
    assert "not among the document's keys" in refused(ANCHOR, made)


@pytest.mark.parametrize(
    ("keyval", "why"),
    [({"public": "zz"}, "64 hex"), ({"public": "ab"}, "64 hex"), ({"public": "ab" * 32}, "does not hash")],
)
def test_a_role_s_key_that_is_no_key_is_refused_in_words(keyval: dict[str, str], why: str) -> None:
    odd = SSlibKey(keyid_of(public_bytes(RELEASE)), "ed25519", "ed25519", keyval)
    metadata = Metadata[Root].from_bytes(ONE)
    metadata.signed.keys[odd.keyid] = odd
    metadata.sign(CryptoSigner(A, tuf_key(A)))
    assert why in refused(ANCHOR, metadata.to_bytes(JSONSerializer(compact=True)))


def test_a_key_of_another_kind_is_refused_in_words() -> None:
    odd = SSlibKey(keyid_of(public_bytes(RELEASE)), "rsa", "rsassa-pss-sha256", {"public": "ab" * 32})
    metadata = Metadata[Root].from_bytes(ONE)
    metadata.signed.keys[odd.keyid] = odd
    metadata.sign(CryptoSigner(A, tuf_key(A)))
    assert "only ed25519" in refused(ANCHOR, metadata.to_bytes(JSONSerializer(compact=True)))


def test_an_expired_document_refuses_orders_but_never_its_successor() -> None:
    at = int(EXPIRES.timestamp() * 1000)
    one = advance(ANCHOR, ONE)
    assert one.expires_at == at
    assert (one.expired(at - 1), one.expired(at)) == (False, True)
    assert not ANCHOR.expired(2**60)
    past = advance(ANCHOR, document(1, [A], 1, [A], expires=datetime(2001, 1, 1, tzinfo=UTC)))
    assert past.expired(at)
    assert advance(past, TWO).version == 2


def test_what_the_document_says_is_what_is_believed() -> None:
    link = {"mqtt": ["broker:8883"], "http": ["https://fleet:8443"], "ca_pem": ["pem"]}
    extra = EXTRA | {"floor": 7, "link": link, "revoked_releases": ["ab" * 32]}
    one = advance(ANCHOR, document(1, [A], 1, [A], extra=extra))
    assert (one.fleet, one.epoch, one.floor, one.revoked_releases) == ("acme", 1, 7, frozenset({"ab" * 32}))
    assert one.link == trust.Link(("broker:8883",), ("https://fleet:8443",), ("pem",))


# the anchor


def test_the_article_s_anchor_holds_every_role_until_a_document_comes() -> None:
    anchor = json.dumps({"public_key": public_bytes(A).hex()}, indent=2).encode()
    alone = parse_anchor(anchor)
    assert alone == ANCHOR
    assert (alone.version, alone.epoch, alone.fleet) == (0, 0, None)
    sealed = open_envelope(seal(b"{}", envelope.TYPE_RELEASE, [A]))
    assert all(holds(alone, one, sealed) for one in Role)
    assert not holds(advance(alone, ONE), Role.RELEASE, sealed)


def test_an_anchor_s_second_form_starts_from_its_document() -> None:
    anchor = json.dumps({"public_key": public_bytes(A).hex(), "trust": json.loads(ONE)}).encode()
    assert parse_anchor(anchor).version == 1
    assert parse_anchor(anchor).roles == advance(ANCHOR, ONE).roles
    with pytest.raises(TrustError, match="does not follow"):
        parse_anchor(json.dumps({"public_key": public_bytes(A).hex(), "trust": json.loads(TWO)}).encode())


@pytest.mark.parametrize(
    "value", [b"", b"[]", b"{}", b'{"public_key":1}', b'{"public_key":"AB"}', b'{"public_key":"%s\\n"}' % (b"ab" * 32)]
)
def test_an_anchor_that_is_none_is_refused_by_name(value: bytes) -> None:
    with pytest.raises(TrustError, match=r"trust_anchor\.json"):
        parse_anchor(value)


def test_a_public_key_has_32_bytes() -> None:
    with pytest.raises(TrustError, match="32 bytes, not 31"):
        from_key(bytes(31))


# who may sign what


def test_each_role_signs_its_own_and_no_other_s() -> None:
    one = advance(ANCHOR, ONE)
    for key, mine in ((A, Role.ROOT), (RELEASE, Role.RELEASE), (DIRECTIVE, Role.DIRECTIVE)):
        sealed = open_envelope(seal(b"{}", "t", [key]))
        assert [one_role for one_role in Role if holds(one, one_role, sealed)] == [mine]


def test_a_role_of_two_needs_two_distinct_keys() -> None:
    two = advance(advance(ANCHOR, ONE), TWO)
    assert holds(two, Role.ROOT, open_envelope(seal(b"{}", "t", [B, D])))
    assert not holds(two, Role.ROOT, open_envelope(seal(b"{}", "t", [B, B])))
    assert not holds(two, Role.ROOT, open_envelope(seal(b"{}", "t", [B, A])))


def test_a_dropped_key_signs_no_more() -> None:
    three = advance_all(ANCHOR, (ONE, TWO, THREE))
    assert not holds(three, Role.DIRECTIVE, open_envelope(seal(b"{}", "t", [DIRECTIVE])))
    assert holds(three, Role.DIRECTIVE, open_envelope(seal(b"{}", "t", [LATER])))


def test_the_version_that_a_document_claims_is_read_unverified() -> None:
    assert trust.version_of(document(41, [STRANGER], 1, [STRANGER])) == 41


ANCHOR_FILE = json.dumps({"public_key": public_bytes(A).hex()}).encode()


@pytest.mark.parametrize("chain", [(ONE,), (ONE, TWO), (ONE, TWO, THREE)])
def test_a_chain_verified_before_is_read_to_the_same_trust(chain: tuple[bytes, ...]) -> None:
    assert trust.verified_before(ANCHOR_FILE, chain) == advance_all(parse_anchor(ANCHOR_FILE), chain)


@pytest.mark.parametrize(
    ("anchor", "chain"),
    [
        (ANCHOR_FILE, ()),
        (ANCHOR_FILE, (ONE, TWO, TWO)),
        (ANCHOR_FILE, (ONE, b"{}")),
        (b"{}", (ONE,)),
        (json.dumps({"public_key": public_bytes(A).hex(), "trust": json.loads(ONE)}).encode(), (ONE, TWO)),
    ],
)
def test_what_is_not_plainly_such_a_chain_is_verified_again(anchor: bytes, chain: tuple[bytes, ...]) -> None:
    assert trust.verified_before(anchor, chain) is None


def test_a_proof_is_of_one_anchor_and_one_chain_in_its_order() -> None:
    proofs = {
        trust.proof_of(anchor, chain)
        for anchor in (ANCHOR_FILE, ANCHOR_FILE + b" ")
        for chain in ((), (ONE,), (ONE, TWO), (TWO, ONE), (ONE + TWO,))
    }
    assert len(proofs) == 10
