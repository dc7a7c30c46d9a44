"""Trust documents made here hold by the SDK's verification; what devices would refuse is not made."""

from datetime import UTC, datetime

import msgspec
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from pyv_fleet.trust.errors import DocumentRefused
from pyv_fleet.trust.root_document import RoleKeys, RootTerms, anchor_of, make_root, next_root, terms_of
from pyvorin_edge import trust
from pyvorin_edge.envelope import keyid_of
from pyvorin_edge.vocabulary import Role

KEYS = [Ed25519PrivateKey.from_private_bytes(bytes([n]) * 32) for n in range(6)]
PUBLIC = [key.public_key().public_bytes_raw() for key in KEYS]
ROOT, RELEASE, DIRECTIVE = 0, 1, 2
EXTRA = trust.Extra(
    fleet="demo", epoch=1, floor=2, link=trust.Link(mqtt=("localhost:8883",)), revoked_releases=("ab" * 32,)
)


def terms(**changes: object) -> RootTerms:
    base = RootTerms(
        root=RoleKeys((PUBLIC[ROOT],)),
        release=RoleKeys((PUBLIC[RELEASE],)),
        directive=RoleKeys((PUBLIC[DIRECTIVE],)),
        extra=EXTRA,
        expires=datetime(2027, 11, 24, 12, 30, 15, 99, tzinfo=UTC),
    )
    return msgspec.structs.replace(base, **changes)


def test_the_first_document_holds_from_the_anchor() -> None:
    believed = trust.advance(trust.from_key(PUBLIC[ROOT]), make_root(terms(), [KEYS[ROOT]]))
    assert (believed.version, believed.fleet, believed.epoch, believed.floor) == (1, "demo", 1, 2)
    assert believed.link == EXTRA.link
    assert believed.revoked_releases == {"ab" * 32}
    assert set(believed.roles[Role.RELEASE].by_id) == {keyid_of(PUBLIC[RELEASE])}
    assert set(believed.roles[Role.DIRECTIVE].by_id) == {keyid_of(PUBLIC[DIRECTIVE])}


def test_the_anchor_is_the_key_that_signed_the_first_document() -> None:
    first = make_root(terms(root=RoleKeys((PUBLIC[3], PUBLIC[ROOT]))), [KEYS[ROOT]])
    assert anchor_of(first).anchor_key == PUBLIC[ROOT]
    for spoiled in (first.replace(b'"demo"', b'"dema"'), b"{}", b"["):
        with pytest.raises(DocumentRefused, match="from a backup"):
            anchor_of(spoiled)


def test_a_chain_rotates_root_and_directive_keys() -> None:
    first = make_root(terms(), [KEYS[ROOT]])
    three = RoleKeys((PUBLIC[3], PUBLIC[4], PUBLIC[5]), 2)
    second = next_root(first, terms(root=three, directive=RoleKeys((PUBLIC[5],))), [KEYS[ROOT], KEYS[3], KEYS[4]])
    third = next_root(second, terms(root=three, extra=msgspec.structs.replace(EXTRA, epoch=2)), [KEYS[4], KEYS[5]])
    believed = trust.advance_all(trust.from_key(PUBLIC[ROOT]), (first, second, third))
    assert (believed.version, believed.epoch, believed.roles[Role.ROOT].threshold) == (3, 2, 2)


def test_a_document_can_be_read_back_changed_and_continued() -> None:
    first = make_root(terms(), [KEYS[ROOT]])
    read = terms_of(first)
    assert read.extra == EXTRA
    raised = msgspec.structs.replace(read, extra=msgspec.structs.replace(EXTRA, floor=9))
    believed = trust.advance_all(trust.from_key(PUBLIC[ROOT]), (first, next_root(first, raised, [KEYS[ROOT]])))
    assert believed.floor == 9


@pytest.mark.parametrize("signers", [[], [1], [0, 0]])
def test_too_few_signatures_make_no_document(signers: list[int]) -> None:
    with pytest.raises(DocumentRefused, match="signatures"):
        make_root(terms(root=RoleKeys((PUBLIC[0], PUBLIC[3]), 2)), [KEYS[n] for n in signers])


def test_the_keys_before_must_sign_too() -> None:
    first = make_root(terms(), [KEYS[ROOT]])
    with pytest.raises(DocumentRefused, match="before"):
        next_root(first, terms(root=RoleKeys((PUBLIC[3],))), [KEYS[3]])


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"extra": msgspec.structs.replace(EXTRA, epoch=0)}, "epoch"),
        ({"extra": msgspec.structs.replace(EXTRA, fleet="x")}, "fleet"),
    ],
)
def test_no_chain_goes_back_or_elsewhere(changes: dict[str, object], field: str) -> None:
    first = make_root(terms(), [KEYS[ROOT]])
    with pytest.raises(DocumentRefused, match=field):
        next_root(first, terms(**changes), [KEYS[ROOT]])


@pytest.mark.parametrize(
    "changes",
    [
        {"release": RoleKeys((PUBLIC[1], PUBLIC[1]), 2)},
        {"release": RoleKeys(())},
        {"directive": RoleKeys((b"short",))},
        {"expires": datetime(2027, 1, 1)},
        {"extra": msgspec.structs.replace(EXTRA, revoked_releases=("ab" * 32,) * 600)},
    ],
    ids=["one key twice", "no key", "a short key", "no time zone", "too large"],
)
def test_what_cannot_hold_is_not_made(changes: dict[str, object]) -> None:
    with pytest.raises(DocumentRefused):
        make_root(terms(**changes), [KEYS[ROOT]])


def test_garbage_before_is_named() -> None:
    with pytest.raises(DocumentRefused, match="before"):
        next_root(b"garbage", terms(), [KEYS[ROOT]])
