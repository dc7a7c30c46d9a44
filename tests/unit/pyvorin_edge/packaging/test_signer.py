"""A directory is signed as every device takes it, the same bytes each time."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from pyvorin_edge.packaging.errors import BundleError
from pyvorin_edge.packaging.signer import EPOCH_VARIABLE, BundleSigner, read_seed
from pyvorin_edge.packaging.verifier import verify_bundle
from pyvorin_edge.vocabulary import BundleFault
from running.bundles import FILES, SEED, TRUST, lay, manifest_digest, signed


def test_the_manifest_has_pyvorins_letter(tmp_path: Path) -> None:
    document = json.loads((signed(tmp_path) / "manifest.json").read_bytes())
    assert document.keys() == {"manifest", "signature"}
    assert document["manifest"].keys() >= {"bundle_name", "version", "timestamp", "files"}
    assert document["manifest"]["files"].keys() == FILES.keys()


def test_what_is_signed_is_verified(tmp_path: Path) -> None:
    verify_bundle(signed(tmp_path), manifest_digest(tmp_path), TRUST)


def test_the_same_directory_and_time_give_the_same_bytes(tmp_path: Path) -> None:
    one, two = signed(tmp_path / "one"), signed(tmp_path / "two", dict(reversed(FILES.items())))
    assert (one / "manifest.json").read_bytes() == (two / "manifest.json").read_bytes()


def test_signing_again_over_the_old_manifest_is_the_same(tmp_path: Path) -> None:
    before = (signed(tmp_path) / "manifest.json").read_bytes()
    assert (signed(tmp_path) / "manifest.json").read_bytes() == before


def test_name_version_and_time_have_defaults(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(EPOCH_VARIABLE, "1700000000")
    source = lay(tmp_path / "edge-agent")
    found = BundleSigner().sign_bundle(bundle_dir=source, private_key=SEED, output_manifest=tmp_path / "m")
    assert (found.bundle_name, found.timestamp) == ("edge-agent", 1_700_000_000_000)
    assert found.version.startswith("0+")


@pytest.mark.parametrize(
    ("files", "fault"),
    [
        ({}, BundleFault.MANIFEST),
        ({"e\u0301": b""}, BundleFault.PATH),
        ({"a\\b": b""}, BundleFault.PATH),
        ({"Ab": b"", "aB": b""}, BundleFault.CLASH),
    ],
)
def test_what_a_device_would_refuse_is_not_signed(tmp_path: Path, files: dict[str, bytes], fault: BundleFault) -> None:
    (tmp_path / "b").mkdir()
    with pytest.raises(BundleError) as caught:
        signed(tmp_path / "b", files)
    assert caught.value.fault is fault
    assert not (tmp_path / "b/manifest.json").exists()


def test_a_manifest_within_the_bundle_has_one_name(tmp_path: Path) -> None:
    lay(tmp_path)
    with pytest.raises(BundleError, match=r"must be manifest\.json"):
        BundleSigner().sign_bundle(bundle_dir=tmp_path, private_key=SEED, output_manifest=tmp_path / "m.json")


def test_a_seed_of_the_wrong_length_is_refused(tmp_path: Path) -> None:
    with pytest.raises(BundleError, match="5 bytes, not 32"):
        signed(tmp_path, seed=b"short")


@pytest.mark.parametrize("content", [SEED, SEED.hex().encode(), SEED.hex().encode() + b"\n"])
def test_a_key_file_holds_the_seed_raw_or_in_hex(tmp_path: Path, content: bytes) -> None:
    file = tmp_path / "key"
    file.write_bytes(content)
    file.chmod(0o600)
    assert read_seed(file) == SEED


@pytest.mark.parametrize(("content", "mode"), [(SEED.hex(), 0o644), ("no key at all", 0o600), ("ab" * 31, 0o600)])
def test_a_bad_key_file_is_refused_without_its_content(tmp_path: Path, content: str, mode: int) -> None:
    file = tmp_path / "key"
    file.write_text(content)
    file.chmod(mode)
    with pytest.raises(BundleError) as caught:
        read_seed(file)
    assert caught.value.fault is BundleFault.KEY
    assert content not in str(caught.value)
