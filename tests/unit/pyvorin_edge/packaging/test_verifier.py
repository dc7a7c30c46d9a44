"""The trust anchor is read in the article's form, and whatever else lies there is refused with its path."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from pyvorin_edge.packaging.verifier import BASE_DIR_VARIABLE, BundleVerifier
from pyvorin_edge.trust import TrustError

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
