"""A backup is one whole state of the store, also while it is written to; it comes back without another's log."""

from __future__ import annotations

import asyncio
import sqlite3
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from pyv_fleet.cli.session import Exit
from pyv_fleet.engine.assembly import found_fleet
from pyv_fleet.main import cli
from pyv_fleet.settings import Settings, settings_text
from pyv_fleet.store.database import Database


def run(*words: str | Path) -> Result:
    return CliRunner().invoke(cli, [str(word) for word in words])


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """A controller's home with a store and a key."""
    made = tmp_path / "home"
    (made / "keys").mkdir(parents=True)
    (made / "keys" / "directive.key").write_text("a key")
    (made / "fleet.toml").write_text(settings_text(Settings(fleet="lab")))
    asyncio.run(make_store(made))
    return made


async def make_store(home: Path) -> None:
    database = await Database.open(f"sqlite+aiosqlite:///{home / 'fleet.db'}")
    await found_fleet(database, "lab", "00" * 32, 1)
    await database.close()


def name_of(store: Path) -> str:
    with sqlite3.connect(store) as connection:
        return str(connection.execute("SELECT name FROM fleet").fetchone()[0])


def rename(store: Path, name: str) -> sqlite3.Connection:
    """Changed in the log alone, with the connection still open."""
    connection = sqlite3.connect(store)
    connection.execute("UPDATE fleet SET name = ?", (name,))
    connection.commit()
    return connection


def test_it_holds_what_stands_in_the_log_only_and_is_for_its_owner_alone(home: Path, tmp_path: Path) -> None:
    open_still = rename(home / "fleet.db", "written")
    done = run("backup", tmp_path / "file.tar", "--data", home)
    open_still.close()
    assert done.exit_code == 0, done.output
    assert (tmp_path / "file.tar").stat().st_mode & 0o777 == 0o600
    other = tmp_path / "other"
    assert run("restore", tmp_path / "file.tar", "--data", other).exit_code == 0
    assert name_of(other / "fleet.db") == "written"
    assert (other / "fleet.toml").exists()


def test_keys_are_named_and_only_come_along_when_asked_for(home: Path, tmp_path: Path) -> None:
    without = run("backup", tmp_path / "without.tar", "--data", home)
    assert f"{home.resolve() / 'keys'}" in without.output
    run("backup", tmp_path / "with.tar", "--data", home, "--with-keys")
    run("restore", tmp_path / "without.tar", "--data", tmp_path / "a")
    run("restore", tmp_path / "with.tar", "--data", tmp_path / "b")
    assert not (tmp_path / "a" / "keys").exists()
    assert (tmp_path / "b" / "keys" / "directive.key").read_text() == "a key"


def test_a_store_that_stands_is_only_moved_away_when_asked_and_its_log_with_it(home: Path, tmp_path: Path) -> None:
    run("backup", tmp_path / "file.tar", "--data", home)
    open_still = rename(home / "fleet.db", "newer")
    refused = run("restore", tmp_path / "file.tar", "--data", home)
    assert (refused.exit_code, name_of(home / "fleet.db")) == (Exit.CONFLICT, "newer")
    done = run("restore", tmp_path / "file.tar", "--data", home, "--replace")
    open_still.close()
    assert done.exit_code == 0, done.output
    assert name_of(home / "fleet.db") == "lab"
    assert (home / "fleet.db.replaced").exists()


def test_what_is_no_backup_changes_nothing(home: Path, tmp_path: Path) -> None:
    (tmp_path / "file.tar").write_bytes(b"no tar")
    refused = run("restore", tmp_path / "file.tar", "--data", home, "--replace")
    assert refused.exit_code == Exit.ERROR
    assert "no backup" in refused.output
    assert name_of(home / "fleet.db") == "lab"


def test_a_home_without_a_store_says_how_to_make_one_again(home: Path, tmp_path: Path) -> None:
    (home / "fleet.db").unlink()
    refused = run("backup", tmp_path / "file.tar", "--data", home)
    assert refused.exit_code == Exit.NOT_FOUND
    assert "recover" in refused.output
