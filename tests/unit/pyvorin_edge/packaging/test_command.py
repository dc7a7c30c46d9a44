"""`pyv-edge-sign` signs and packs; a user's mistake is one line."""

from __future__ import annotations

from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from pyvorin_edge.packaging.archive import unpack
from pyvorin_edge.packaging.command import main
from pyvorin_edge.packaging.verifier import verify_bundle
from running.bundles import SEED, TRUST, lay, manifest_digest


@pytest.fixture
def key(tmp_path: Path) -> Path:
    file = tmp_path / "release.key"
    file.write_text(SEED.hex())
    file.chmod(0o600)
    return file


def sign(*arguments: str | Path) -> Result:
    return CliRunner().invoke(main, [str(one) for one in arguments])


def test_it_signs_and_packs(tmp_path: Path, key: Path) -> None:
    source, out = lay(tmp_path / "agent"), tmp_path / "agent.tar.gz"
    manifest = source / "manifest.json"
    result = sign("--bundle-dir", source, "--private-key", key, "--output-manifest", manifest, "--archive", out)
    assert result.exit_code == 0, result.output
    with out.open("rb") as file:
        unpack(file, tmp_path / "there")
    assert verify_bundle(tmp_path / "there", manifest_digest(source), TRUST).bundle_name == "agent"


def test_a_manifest_elsewhere_leaves_the_directory_as_it_is(tmp_path: Path, key: Path) -> None:
    source = lay(tmp_path / "agent")
    result = sign(
        "--bundle-dir", source, "--private-key", key, "--output-manifest", tmp_path / "m.json",
        "--archive", tmp_path / "out", "--name", "n", "--version", "2", "--timestamp", "1",
    )  # fmt: skip
    assert result.exit_code == 0, result.output
    assert "n 2, 4 files" in result.output
    assert not (source / "manifest.json").exists()


@pytest.mark.parametrize("output", ["agent/extra.json", "nowhere/m.json"])
def test_a_mistake_is_one_line(tmp_path: Path, key: Path, output: str) -> None:
    source = lay(tmp_path / "agent")
    result = sign("--bundle-dir", source, "--private-key", key, "--output-manifest", tmp_path / output)
    assert result.exit_code == 1
    assert result.output.startswith("Error: ")
    assert result.output.count("\n") == 1
