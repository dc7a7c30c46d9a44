"""What a device holds lies there under its digest, and what does not hash to its name is not held."""

from __future__ import annotations

from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from pyv_edge_agent.disk.slots import SlotKind, Slots
from pyvorin_edge.envelope import TYPE_RELEASE, seal
from pyvorin_edge.errors import IdentityError
from pyvorin_edge.identity import digest_of

BLOB = b"[sensors]\n"
ENVELOPE = seal(b'{"v":1}', TYPE_RELEASE, [Ed25519PrivateKey.from_private_bytes(bytes(32))])
RELEASE = digest_of(b'{"v":1}')


def test_a_release_is_kept_under_the_digest_of_its_payload_and_a_blob_under_its_own(tmp_path: Path) -> None:
    slots = Slots(tmp_path)
    slots.keep(SlotKind.RELEASES, RELEASE, ENVELOPE)
    slots.keep(SlotKind.BLOBS, digest_of(BLOB), BLOB)
    again = Slots(tmp_path)
    assert again.read(SlotKind.RELEASES, RELEASE) == ENVELOPE
    assert again.read(SlotKind.BLOBS, digest_of(BLOB)) == BLOB


def test_bytes_under_another_name_are_refused(tmp_path: Path) -> None:
    slots = Slots(tmp_path)
    with pytest.raises(ValueError, match="do not hash"):
        slots.keep(SlotKind.BLOBS, digest_of(b"other"), BLOB)
    assert slots.held(SlotKind.BLOBS) == frozenset()


def test_a_rotten_blob_is_as_good_as_absent_and_can_be_kept_anew(tmp_path: Path) -> None:
    slots = Slots(tmp_path)
    slots.keep(SlotKind.BLOBS, digest_of(BLOB), BLOB)
    (tmp_path / "blobs" / digest_of(BLOB)).write_bytes(b"rotten")
    assert slots.read(SlotKind.BLOBS, digest_of(BLOB)) is None
    slots.keep(SlotKind.BLOBS, digest_of(BLOB), BLOB)
    assert slots.read(SlotKind.BLOBS, digest_of(BLOB)) == BLOB


def test_what_lies_there_already_is_not_written_again(tmp_path: Path) -> None:
    slots = Slots(tmp_path)
    slots.keep(SlotKind.BLOBS, digest_of(BLOB), BLOB)
    before = (tmp_path / "blobs" / digest_of(BLOB)).stat().st_ino
    slots.keep(SlotKind.BLOBS, digest_of(BLOB), BLOB)
    assert (tmp_path / "blobs" / digest_of(BLOB)).stat().st_ino == before


def test_pruning_leaves_what_is_named(tmp_path: Path) -> None:
    slots = Slots(tmp_path)
    for data in (b"1", b"2", b"3"):
        slots.keep(SlotKind.BLOBS, digest_of(data), data)
    slots.prune(SlotKind.BLOBS, {digest_of(b"2")})
    assert slots.held(SlotKind.BLOBS) == {digest_of(b"2")}


def test_a_digest_that_is_none_never_becomes_a_path(tmp_path: Path) -> None:
    with pytest.raises(IdentityError):
        Slots(tmp_path).read(SlotKind.BLOBS, "../../etc/passwd")
