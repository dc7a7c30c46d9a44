"""`release build | sign | diff` at the operator's desk: no controller, all fits together, nothing is overwritten."""

from __future__ import annotations

import json
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from pyv_fleet.cli.release_folder import read_folder
from pyv_fleet.core.provenance import PROVENANCE_BYTES_MAX
from pyv_fleet.main import cli
from pyv_fleet.trust.keyfiles import make_key
from pyvorin_edge.envelope import keyid_of, open_envelope, public_bytes, signers

FILES = {
    "release.toml": 'version = "1.0"\nfleet = "lab"\nopen = ["/health"]\n',
    "config.toml": '[logging]\nlevel = "INFO"\n',
    "layers/fleet.toml": "[health]\nport = 8081\n",
    "layers/group/berlin.toml": "[health]\nport = 8082\n",
    "layers/README.md": "what the layers are for",
}


@dataclass
class Desk:
    """A directory in git, a folder to build into, two keys."""

    source: Path
    out: Path
    keys: tuple[Path, Path]

    def __call__(self, *words: str) -> Result:
        return CliRunner().invoke(cli, ["--home", str(self.source.parent / "nowhere"), "release", *words])

    def build(self, *words: str) -> Result:
        return self("build", str(self.source), "--out", str(self.out), "--by", "Ada", *words)

    def sign(self, number: int = 0) -> Result:
        return self("sign", str(self.out), "--key", str(self.keys[number]))

    def change(self, **files: str) -> None:
        for name, text in files.items():
            (self.source / name.replace("__", "/")).with_suffix(".toml").write_text(text)


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    source = tmp_path / "source"
    for name, text in FILES.items():
        (source / name).parent.mkdir(parents=True, exist_ok=True)
        (source / name).write_text(text)
    keys = tmp_path / "one.key", tmp_path / "two.key"
    for number, key in enumerate(keys):
        make_key(key, lambda count, number=number: bytes([number + 1]) * count)  # type: ignore[misc]
    return Desk(source, tmp_path / "out", keys)


def ok(done: Result) -> Any:
    assert done.exit_code == 0, done.output
    return done


def test_a_folder_holds_all_that_is_signed_and_uploaded(desk: Desk) -> None:
    ok(desk.build())
    assert {path.name for path in desk.out.iterdir()} == {
        "release.json", "config.toml", "overlays.json", "provenance.json"
    }  # fmt: skip
    folder = read_folder(desk.out)
    assert folder.provenance.built_by == "Ada"
    assert set(folder.provenance.files) == {
        "release.toml",
        "config.toml",
        "layers/fleet.toml",
        "layers/group/berlin.toml",
    }
    assert folder.view.groups == ("berlin",)


def test_without_git_there_is_no_commit_and_with_it_there_is_and_what_it_does_not_hold_is_said(desk: Desk) -> None:
    ok(desk.build())
    assert read_folder(desk.out).provenance.commit is None
    git = ("git", "-C", str(desk.source), "-c", "user.name=Ada", "-c", "user.email=a@example.org")
    for words in (("init", "-q"), ("add", "-A"), ("commit", "-qm", "first")):
        subprocess.run([*git, *words], check=True, capture_output=True)
    ok(desk.build())
    commit = read_folder(desk.out).provenance.commit
    assert commit is not None
    assert not commit.dirty
    desk.change(layers__fleet="[health]\nport = 8083\n")
    assert "in no commit" in ok(desk.build()).stderr
    assert read_folder(desk.out).provenance.commit == type(commit)(id=commit.id, dirty=True)


def test_a_folder_within_the_directory_does_not_make_it_dirty(desk: Desk) -> None:
    git = ("git", "-C", str(desk.source), "-c", "user.name=Ada", "-c", "user.email=a@example.org")
    for words in (("init", "-q"), ("add", "-A"), ("commit", "-qm", "first")):
        subprocess.run([*git, *words], check=True, capture_output=True)
    desk.out = desk.source / "out"
    for _ in range(2):
        ok(desk.build())
    commit = read_folder(desk.out).provenance.commit
    assert commit is not None
    assert not commit.dirty


def test_two_keys_sign_the_release_and_where_it_comes_from(desk: Desk) -> None:
    ok(desk.build())
    ok(desk.sign(0))
    ok(desk.sign(1))
    folder = read_folder(desk.out)
    public = [public_bytes(Ed25519PrivateKey.from_private_bytes(bytes([number]) * 32)) for number in (1, 2)]
    keys = {keyid_of(one): one for one in public}
    assert folder.envelope is not None
    assert folder.statement is not None
    for sealed in (folder.envelope, folder.statement):
        assert signers(open_envelope(sealed, limit_bytes=PROVENANCE_BYTES_MAX), keys) == frozenset(keys)


def test_what_is_signed_is_never_replaced_by_another(desk: Desk) -> None:
    ok(desk.build())
    ok(desk.sign())
    before = {path.name: path.read_bytes() for path in desk.out.iterdir()}
    assert "nothing was changed" in ok(desk.build()).stderr
    desk.change(layers__fleet="[health]\nport = 8083\n")
    assert desk.build().exit_code == 6
    assert {path.name: path.read_bytes() for path in desk.out.iterdir()} == before


def test_what_is_not_ours_is_not_overwritten(desk: Desk) -> None:
    desk.out.mkdir()
    (desk.out / "thesis.txt").write_text("years of work")
    assert desk.build().exit_code == 6
    assert (desk.out / "thesis.txt").exists()


@pytest.mark.parametrize("name", ["release.json", "config.toml", "provenance.json", "overlays.json"])
def test_a_folder_that_was_changed_by_hand_is_not_signed(desk: Desk, name: str) -> None:
    ok(desk.build())
    (desk.out / name).write_text((desk.out / name).read_text() + "\n")
    done = desk.sign()
    assert done.exit_code == 1
    assert name in done.stderr
    assert not (desk.out / "release.dsse").exists()


def test_a_signed_folder_that_was_changed_is_found_out(desk: Desk) -> None:
    ok(desk.build())
    ok(desk.sign())
    other = desk.out.parent / "other"
    desk.change(layers__fleet="[health]\nport = 8083\n")
    ok(desk("build", str(desk.source), "--out", str(other)))
    shutil.copy(desk.out / "release.dsse", other / "release.dsse")
    assert "other bytes" in desk("sign", str(other), "--key", str(desk.keys[0])).stderr


def test_every_value_is_explained(desk: Desk) -> None:
    rows = json.loads(ok(desk.build("--explain", "-o", "json")).stdout)
    port = next(one for one in rows if (one["of"], one["pointer"]) == ("group berlin", "/health/port"))
    assert (port["value"], port["layer"], port["over"]) == (8082, "layers/group/berlin.toml", ["layers/fleet.toml"])


def test_all_mistakes_are_told_and_nothing_is_written(desk: Desk) -> None:
    desk.change(layers__fleet="[health]\nport = -1\n", layers__group__berlin="[logging]\nlevel = 'LOUD'\n")
    done = desk.build()
    assert done.exit_code == 1
    for named in ("layers/fleet.toml", "layers/group/berlin.toml", "not open"):
        assert named in done.stderr
    assert "Traceback" not in done.stderr
    assert not desk.out.exists()


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ('config = "../secret.toml"', "outside"),
        ('config = "nope.toml"', "nope.toml"),
        ('bundle = "."', "pyv-edge-sign"),
    ],
)
def test_what_cannot_be_built_from_is_named(desk: Desk, text: str, named: str) -> None:
    (desk.source.parent / "secret.toml").write_text("")
    desk.change(release=f'version = "1"\nfleet = "lab"\n{text}\n')
    done = desk.build()
    assert done.exit_code in (1, 2)
    assert named in done.stderr
    assert "Traceback" not in done.stderr


def test_a_folder_differs_from_the_directory_only_by_what_was_changed(desk: Desk) -> None:
    ok(desk.build())
    assert desk("diff", str(desk.out), str(desk.source)).exit_code == 0
    desk.change(layers__fleet="[health]\nport = 8083\n", release=FILES["release.toml"] + "security = 1\n")
    done = desk("diff", str(desk.out), str(desk.source), "-o", "json")
    assert done.exit_code == 3
    assert [(one["of"], one["before"], one["after"]) for one in json.loads(done.stdout)] == [
        ("config", 8081, 8083), ("security", 0, 1)
    ]  # fmt: skip
