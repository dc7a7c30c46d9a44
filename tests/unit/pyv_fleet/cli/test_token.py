"""`pyv-fleet token`: secrets go to a file of the owner's alone, or to stdout and nothing with them."""

from __future__ import annotations

from pathlib import Path

import pytest

from pyv_fleet.core.keys import KeySpec
from pyv_fleet.core.words import AuthScope
from running.console import console
from running.faces import StandInDesk


def test_a_key_comes_alone_on_stdout(tmp_path: Path) -> None:
    desk = StandInDesk()
    with console(tmp_path, desk) as here:
        done = here("token", "api", "--name", "site-7", "--scope", "ingest")
    assert (done.exit_code, done.stdout) == (0, "pyvapi1.made\n")
    assert desk.asked == [("create_key", KeySpec(name="site-7", scope=AuthScope.INGEST))]


def test_a_key_in_a_file_is_its_owners_alone(tmp_path: Path) -> None:
    with console(tmp_path, StandInDesk()) as here:
        done = here("token", "api", "--name", "ci", "--scope", "read", "--valid-seconds", "60", "--out",
                    str(tmp_path / "key"))  # fmt: skip
    assert (tmp_path / "key").read_text() == "pyvapi1.made\n"
    assert (tmp_path / "key").stat().st_mode & 0o777 == 0o600
    assert "pyvapi1" not in done.stdout + done.stderr


def test_a_key_as_json_names_its_scope(tmp_path: Path) -> None:
    with console(tmp_path, StandInDesk()) as here:
        assert here.json("token", "api", "--name", "ci", "--scope", "read")["scope"] == "read"


@pytest.mark.parametrize(
    ("words", "code", "field"),
    [(("--name", "a b", "--scope", "read"), 1, "name"), (("--name", "a", "--scope", "root"), 2, "--scope")],
)
def test_a_bad_key_is_refused_by_name(tmp_path: Path, words: tuple[str, ...], code: int, field: str) -> None:
    desk = StandInDesk()
    with console(tmp_path, desk) as here:
        done = here("token", "api", *words)
    assert (done.exit_code, desk.asked) == (code, [])
    assert field in done.stderr


def test_only_an_admin_makes_keys(tmp_path: Path) -> None:
    with console(tmp_path, StandInDesk(), "operate") as here:
        assert here("token", "api", "--name", "ci", "--scope", "read").exit_code == 4
