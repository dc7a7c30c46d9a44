"""Where a release comes from is about that release and no other, and small enough to go with it."""

from __future__ import annotations

import datetime as dt

import msgspec
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from pyv_fleet.core.provenance import (
    FILES_MAX,
    PROVENANCE_BYTES_MAX,
    TYPE_PROVENANCE,
    Commit,
    Provenance,
    ProvenanceError,
    decode_provenance,
    encode_provenance,
    stated,
    tree_of,
)
from pyvorin_edge.envelope import TYPE_RELEASE, seal
from pyvorin_edge.identity import Digest

KEY = Ed25519PrivateKey.from_private_bytes(b"\1" * 32)
RELEASE = Digest("a" * 64)
SAID = Provenance(
    v=1, release=RELEASE, version="1.0", built_by="Ada", built_at=dt.datetime(2026, 11, 25, tzinfo=dt.UTC),
    tool="pyvorin-fleet 0", tree=Digest("b" * 64), files={"release.toml": "c" * 64},
    commit=Commit(id="d" * 40, dirty=False),
)  # fmt: skip


def test_what_is_signed_is_read_back() -> None:
    assert stated(seal(encode_provenance(SAID), TYPE_PROVENANCE, [KEY]), RELEASE) == SAID


@pytest.mark.parametrize(
    ("sealed", "named"),
    [
        (b"{}", "envelope"),
        (seal(encode_provenance(SAID), TYPE_RELEASE, [KEY]), "payloadType"),
        (seal(b"{}", TYPE_PROVENANCE, [KEY]), "provenance"),
        (
            seal(encode_provenance(msgspec.structs.replace(SAID, release=Digest("e" * 64))), TYPE_PROVENANCE, [KEY]),
            "about",
        ),
    ],
)
def test_another_thing_than_a_statement_about_this_release_is_refused(sealed: bytes, named: str) -> None:
    with pytest.raises(ProvenanceError, match=named):
        stated(sealed, RELEASE)


def test_the_same_files_make_the_same_tree_and_one_byte_makes_another() -> None:
    assert tree_of({"a": "1", "b": "2"}) == tree_of({"b": "2", "a": "1"})
    assert tree_of({"a": "1"})[0] != tree_of({"a": "2"})[0]


def test_a_thousand_devices_are_listed_as_one_and_still_fit() -> None:
    files = {f"layers/device/FLEET-{number}.toml": f"{number:064x}" for number in range(1000)}
    tree, listed = tree_of(files | {"release.toml": "0" * 64})
    assert set(listed) == {"release.toml", "layers/device/ (1000 files)"}
    changed = tree_of(files | {"release.toml": "0" * 64, "layers/device/FLEET-7.toml": "f" * 64})
    assert changed[0] != tree
    assert changed[1] != listed
    most = {f"layers/group/{number:04}{'x' * 20}.toml": f"{number:064x}" for number in range(FILES_MAX)}
    sealed = seal(encode_provenance(msgspec.structs.replace(SAID, files=tree_of(most)[1])), TYPE_PROVENANCE, [KEY])
    assert len(sealed) < PROVENANCE_BYTES_MAX


def test_a_statement_too_long_is_refused_before_it_is_signed() -> None:
    many = {f"{number:0100}": "0" * 64 for number in range(500)}
    with pytest.raises(ProvenanceError, match="bytes"):
        encode_provenance(msgspec.structs.replace(SAID, files=many))


@pytest.mark.parametrize("payload", [b"", b"[]", b'{"v":1}', b"nonsense"])
def test_nonsense_is_refused_in_words(payload: bytes) -> None:
    with pytest.raises(ProvenanceError, match="provenance"):
        decode_provenance(payload)
