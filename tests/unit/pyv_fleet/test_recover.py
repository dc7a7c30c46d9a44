"""What recover refuses before it starts anything; the rest is tests/system/test_recover.py."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from pyv_fleet.cli.session import CliError, Exit
from pyv_fleet.engine.assembly import found_fleet
from pyv_fleet.main import cli
from pyv_fleet.recover import NEEDED, anchor_of
from pyv_fleet.settings import Settings, settings_text
from pyv_fleet.store.database import Database
from pyv_fleet.trust.root_document import RoleKeys, RootTerms, make_root
from pyvorin_edge.envelope import public_bytes
from pyvorin_edge.trust import Extra

KEY, OTHER = (Ed25519PrivateKey.from_private_bytes(bytes([n]) * 32) for n in (1, 2))


def document(*roots: Ed25519PrivateKey) -> bytes:
    keys = tuple(public_bytes(one) for one in roots)
    terms = RootTerms(
        root=RoleKeys(keys), release=RoleKeys(keys[:1]), directive=RoleKeys(keys[:1]),
        extra=Extra(fleet="lab", epoch=1), expires=datetime(2036, 1, 1, tzinfo=UTC),
    )  # fmt: skip
    return make_root(terms, [roots[0]])


def run(home: Path) -> Result:
    words = ["recover", "--from-broker", "--data", str(home), "--operator", str(home / "o"), "--reason", "a test"]
    return CliRunner().invoke(cli, words)


def home_with(path: Path, *names: str) -> Path:
    for name in names:
        (path / name).parent.mkdir(parents=True, exist_ok=True)
        (path / name).write_text("")
    (path / "fleet.toml").write_text(settings_text(Settings(fleet="lab")))
    return path


def test_the_anchor_is_the_key_that_signed_the_first_document() -> None:
    assert anchor_of(document(KEY, OTHER)).anchor_key == public_bytes(KEY)
    with pytest.raises(CliError, match=r"trust/1\.json"):
        anchor_of(document(KEY).replace(b'"lab"', b'"lap"'))


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
