"""The trust anchor is read in the article's form, and a bundle holds only as its signer left it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from pyvorin_edge.packaging.errors import BundleError
from pyvorin_edge.packaging.verifier import BASE_DIR_VARIABLE, FIRST_USE_NAME, BundleVerifier, verify_bundle
from pyvorin_edge.trust import TrustError
from pyvorin_edge.vocabulary import BundleFault
from running.bundles import TRUST, manifest_digest, signed

PUBLIC = "ab" * 32


def install_trust_anchor(public_key_hex: str, base_dir: Path) -> None:
    """The article's own function, letter for letter."""
    anchor = {"public_key": public_key_hex}
    (base_dir / "trust_anchor.json").write_text(
        json.dumps(anchor, indent=2), encoding="utf-8"
    )  # fmt: skip


def test_what_the_article_installs_is_loaded(tmp_path: Path) -> None:
    install_trust_anchor(PUBLIC, tmp_path)
    assert BundleVerifier(tmp_path).load_trust_anchor() == bytes.fromhex(PUBLIC)


def test_the_directory_may_come_from_the_environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    install_trust_anchor(PUBLIC, tmp_path)
    monkeypatch.setenv(BASE_DIR_VARIABLE, str(tmp_path))
    assert BundleVerifier().load_trust_anchor() == bytes.fromhex(PUBLIC)


def test_a_missing_anchor_is_an_error_that_says_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(TrustError, match=r"trust_anchor\.json: No such file.*provision"):
        BundleVerifier(tmp_path).load_trust_anchor()


@pytest.mark.parametrize(
    "content",
    ["", "{}", "[]", '{"public_key": "AB"}', '{"public_key": 5}', '{"public_key": "' + "g" * 64 + '"}', "x" * 40_000],
)
def test_a_malformed_anchor_is_refused_with_its_path(tmp_path: Path, content: str) -> None:
    (tmp_path / "trust_anchor.json").write_text(content)
    with pytest.raises(TrustError, match=r"trust_anchor\.json"):
        BundleVerifier(tmp_path).load_trust_anchor()


def test_the_second_forms_document_must_hold(tmp_path: Path) -> None:
    (tmp_path / "trust_anchor.json").write_text(json.dumps({"public_key": PUBLIC, "trust": {"signed": {}}}))
    with pytest.raises(TrustError, match="not a trust document"):
        BundleVerifier(tmp_path).load_trust_anchor()


def trusting(base: Path) -> BundleVerifier:
    install_trust_anchor(TRUST.anchor_key.hex(), base)
    return BundleVerifier(base)


def test_a_whole_bundle_holds(tmp_path: Path) -> None:
    root = signed(tmp_path / "b")
    assert verify_bundle(root, manifest_digest(root), TRUST).version == "1.0"


def test_another_manifest_than_the_releases_is_refused_unread(tmp_path: Path) -> None:
    root = signed(tmp_path / "b")
    (root / "manifest.json").write_bytes(b"not even JSON")
    with pytest.raises(BundleError) as caught:
        verify_bundle(root, "ab" * 32, TRUST)
    assert caught.value.fault is BundleFault.DIGEST


def test_a_strangers_signature_is_refused(tmp_path: Path) -> None:
    root = signed(tmp_path / "b", seed=bytes(32))
    with pytest.raises(BundleError) as caught:
        verify_bundle(root, manifest_digest(root), TRUST)
    assert caught.value.fault is BundleFault.SIGNATURE


def test_a_changed_file_is_refused(tmp_path: Path) -> None:
    root = signed(tmp_path / "b")
    (root / "zeros").write_bytes(b"1" * 512)
    with pytest.raises(BundleError) as caught:
        verify_bundle(root, manifest_digest(root), TRUST)
    assert caught.value.fault is BundleFault.CONTENT


def test_a_huge_manifest_is_not_read(tmp_path: Path) -> None:
    with (tmp_path / "manifest.json").open("wb") as file:
        file.truncate(1 << 40)
    with pytest.raises(BundleError) as caught:
        verify_bundle(tmp_path, "ab" * 32, TRUST)
    assert caught.value.fault is BundleFault.LIMIT


def test_at_runtime_the_anchor_decides(tmp_path: Path) -> None:
    verifier = trusting(tmp_path)
    assert verifier.verify_at_runtime(bundle_dir=signed(tmp_path / "mine")).bundle_name == "agent"
    with pytest.raises(BundleError):
        verifier.verify_at_runtime(bundle_dir=signed(tmp_path / "theirs", seed=bytes(32)))


def test_the_manifest_may_lie_elsewhere(tmp_path: Path) -> None:
    root = signed(tmp_path / "b")
    (root / "manifest.json").rename(tmp_path / "m.json")
    trusting(tmp_path).verify_at_runtime(bundle_dir=root, manifest=tmp_path / "m.json")


def test_a_second_manifest_within_is_an_extra_file(tmp_path: Path) -> None:
    root = signed(tmp_path / "b")
    (tmp_path / "m.json").write_bytes((root / "manifest.json").read_bytes())
    (root / "manifest.json").write_bytes(b"{}")
    with pytest.raises(BundleError) as caught:
        trusting(tmp_path).verify_at_runtime(bundle_dir=root, manifest=tmp_path / "m.json")
    assert caught.value.fault is BundleFault.EXTRA


def test_the_first_signer_met_is_the_only_one_from_then_on(tmp_path: Path) -> None:
    verifier = BundleVerifier(tmp_path)
    verifier.trust_on_first_use(bundle_dir=signed(tmp_path / "first"))
    verifier.trust_on_first_use(bundle_dir=signed(tmp_path / "second", version="2.0"))
    with pytest.raises(BundleError):
        verifier.trust_on_first_use(bundle_dir=signed(tmp_path / "stranger", seed=bytes(32)))


def test_a_bundle_that_does_not_hold_makes_nobody_trusted(tmp_path: Path) -> None:
    root = signed(tmp_path / "b")
    (root / "more").write_bytes(b"")
    with pytest.raises(BundleError):
        BundleVerifier(tmp_path).trust_on_first_use(bundle_dir=root)
    assert not (tmp_path / FIRST_USE_NAME).exists()


def test_an_anchor_is_never_overruled_by_first_use(tmp_path: Path) -> None:
    with pytest.raises(BundleError):
        trusting(tmp_path).trust_on_first_use(bundle_dir=signed(tmp_path / "b", seed=bytes(32)))
