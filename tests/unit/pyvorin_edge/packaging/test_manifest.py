"""A manifest is believed only within its limits, in its form, and by the keys of the role."""

from __future__ import annotations

import contextlib
import json
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given
from hypothesis import strategies as st

from pyvorin_edge.envelope import keyid_of
from pyvorin_edge.packaging.errors import BundleError
from pyvorin_edge.packaging.limits import BundleLimits
from pyvorin_edge.packaging.manifest import parse_manifest, refuse_unsigned, signers_of
from pyvorin_edge.packaging.signer import BundleSigner
from pyvorin_edge.trust import Keys
from pyvorin_edge.vocabulary import BundleFault
from running.bundles import SEED, lay, signed

HASH = "ab" * 32


def document(**changes: Any) -> bytes:
    manifest = {"bundle_name": "a", "version": "1", "timestamp": 1, "files": {"f": HASH}} | changes
    return json.dumps({"manifest": manifest, "signature": "A" * 86 + "=="}).encode()


def fault_of(data: bytes, limits: BundleLimits | None = None) -> BundleFault:
    with pytest.raises(BundleError) as caught:
        parse_manifest(data, limits or BundleLimits())
    return caught.value.fault


def public_of(seed: bytes) -> bytes:
    return Ed25519PrivateKey.from_private_bytes(seed).public_key().public_bytes_raw()


def test_pyvorins_four_fields_are_enough() -> None:
    assert parse_manifest(document()).manifest.files == {"f": HASH}


@pytest.mark.parametrize(
    "data",
    [
        b"", b"[]", b"{}", b'{"manifest": {}, "signature": ""}', document(files={}), document(files={"f": "AB"}),
        document(timestamp=-1), document(timestamp=2**60), document(version=" "), document(sizes={"g": 1}),
        document(executable=["g"]), document(sizes={"f": -1}), document(signed_by=["x"]), document(big=2**70),
        document().replace(b"==", b""), document().replace(b'"version"', b'"bundle_name"'),
    ],
)  # fmt: skip
def test_a_misshapen_manifest_is_refused(data: bytes) -> None:
    assert fault_of(data) is BundleFault.MANIFEST


def test_a_path_that_leads_out_is_refused() -> None:
    assert fault_of(document(files={"../f": HASH})) is BundleFault.PATH


def test_paths_that_differ_in_case_alone_are_refused() -> None:
    assert fault_of(document(files={"f": HASH, "F": HASH})) is BundleFault.CLASH


@pytest.mark.parametrize(
    "limits",
    [
        BundleLimits(manifest_bytes=50), BundleLimits(files=1), BundleLimits(file_bytes=5),
        BundleLimits(total_bytes=15),
    ],
)  # fmt: skip
def test_what_a_device_would_not_take_is_refused_by_its_figures(limits: BundleLimits) -> None:
    data = document(files={"f": HASH, "g": HASH}, sizes={"f": 10, "g": 10})
    assert fault_of(data, limits) is BundleFault.LIMIT


def test_a_signature_counts_for_its_key_alone(tmp_path: Path) -> None:
    found = parse_manifest((signed(tmp_path) / "manifest.json").read_bytes())
    mine, other = public_of(SEED), public_of(bytes(32))
    assert signers_of(found, {keyid_of(mine): mine, keyid_of(other): other}) == {keyid_of(mine)}


def test_a_changed_word_breaks_the_signature(tmp_path: Path) -> None:
    data = (signed(tmp_path) / "manifest.json").read_bytes().replace(b'"1.0"', b'"1.1"')
    with pytest.raises(BundleError, match="0 of the 1"):
        refuse_unsigned(parse_manifest(data), Keys({"k": public_of(SEED)}, 1))


@pytest.mark.parametrize(("cosigners", "holds"), [((), False), ((SEED,), False), ((bytes(32),), True)])
def test_a_threshold_counts_distinct_keys(tmp_path: Path, cosigners: tuple[bytes, ...], holds: bool) -> None:
    out = lay(tmp_path / "b") / "manifest.json"
    BundleSigner().sign_bundle(bundle_dir=tmp_path / "b", private_key=SEED, output_manifest=out, cosigners=cosigners)
    keys = Keys({"a": public_of(SEED), "b": public_of(bytes(32))}, 2)
    found = parse_manifest(out.read_bytes())
    if holds:
        refuse_unsigned(found, keys)
        return
    with pytest.raises(BundleError, match="1 of the 2"):
        refuse_unsigned(found, keys)


@given(
    st.binary()
    | st.recursive(st.none() | st.text() | st.integers() | st.floats(), st.lists).map(json.dumps).map(str.encode)
)
def test_anything_else_is_refused_in_words(data: bytes) -> None:
    with pytest.raises(BundleError):
        parse_manifest(data)


@given(st.data())
def test_a_mutated_manifest_is_read_or_refused(data: st.DataObject) -> None:
    text = bytearray(document(sizes={"f": 1}, executable=["f"]))
    for _ in range(data.draw(st.integers(1, 4))):
        text[data.draw(st.integers(0, len(text) - 1))] = data.draw(st.integers(0, 255))
    with contextlib.suppress(BundleError):
        assert parse_manifest(bytes(text)).manifest.files
