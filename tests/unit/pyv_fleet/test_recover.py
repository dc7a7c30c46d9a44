"""What recover refuses before it starts anything; the rest is tests/system/test_recover.py."""

from __future__ import annotations

import asyncio
from pathlib import Path

from click.testing import CliRunner, Result

from pyv_fleet.cli.session import Exit
from pyv_fleet.engine.assembly import found_fleet
from pyv_fleet.main import cli
from pyv_fleet.recover import NEEDED
from pyv_fleet.settings import Settings, settings_text
from pyv_fleet.store.database import Database


def run(home: Path) -> Result:
    words = ["recover", "--from-broker", "--data", str(home), "--operator", str(home / "o"), "--reason", "a test"]
    return CliRunner().invoke(cli, words)


def home_with(path: Path, *names: str) -> Path:
    for name in names:
        (path / name).parent.mkdir(parents=True, exist_ok=True)
        (path / name).write_text("")
    (path / "fleet.toml").write_text(settings_text(Settings(fleet="lab")))
    return path


def test_without_the_keys_it_says_which_are_missing_and_what_that_means(tmp_path: Path) -> None:
    refused = run(home_with(tmp_path, *(name for name in NEEDED if "device-ca" not in name)))
    assert refused.exit_code == Exit.NOT_FOUND
    assert "ca/device-ca.pem, ca/device-ca.key missing" in refused.output
    assert "provisioned anew" in refused.output


def test_a_store_that_holds_a_fleet_is_not_overwritten(tmp_path: Path) -> None:
    async def make() -> None:
        database = await Database.open(f"sqlite+aiosqlite:///{tmp_path / 'fleet.db'}")
        await found_fleet(database, "lab", "00" * 32, 1)
        await database.close()

    asyncio.run(make())
    refused = run(home_with(tmp_path, *NEEDED))
    assert refused.exit_code == Exit.CONFLICT
    assert "not lost" in refused.output
