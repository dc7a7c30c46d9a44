"""Making a fleet: what lies where, who may read it, and that it holds together."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from pyv_fleet.client import read_context
from pyv_fleet.core.words import AuthScope
from pyv_fleet.main import cli
from pyv_fleet.settings import read_settings
from pyv_fleet.store import tokens
from pyv_fleet.store.database import Database
from pyv_fleet.trust.keyfiles import read_key
from pyv_fleet.trust.tokens import hash_of
from pyvorin_edge.envelope import keyid_of, public_bytes
from pyvorin_edge.trust import advance, from_key
from pyvorin_edge.vocabulary import Role


def init(folder: Path, name: str = "test", *more: str) -> Result:
    words = ["fleet", "init", "--data", str(folder / "c"), "--operator", str(folder / "o"), "--name", name, *more]
    return CliRunner().invoke(cli, words)


def test_document_1_is_signed_by_root_and_names_the_release_and_directive_keys(tmp_path: Path) -> None:
    assert init(tmp_path).exit_code == 0
    root, release = (read_key(tmp_path / "o" / "keys" / f"{name}.key") for name in ("root", "release"))
    directive = read_key(tmp_path / "c" / "keys" / "directive.key")
    trust = advance(from_key(public_bytes(root)), (tmp_path / "c" / "trust" / "1.json").read_bytes())
    assert set(trust.roles[Role.RELEASE].by_id) == {keyid_of(public_bytes(release))}
    assert set(trust.roles[Role.DIRECTIVE].by_id) == {keyid_of(public_bytes(directive))}
    assert trust.fleet == "test"


def test_root_and_release_keys_never_lie_in_the_controllers_home(tmp_path: Path) -> None:
    init(tmp_path)
    seeds = [path.read_bytes().strip() for path in (tmp_path / "o" / "keys").iterdir()]
    kept = b"".join(path.read_bytes() for path in (tmp_path / "c").rglob("*") if path.is_file())
    assert [seed for seed in seeds if seed in kept or bytes.fromhex(seed.decode()) in kept] == []


def test_every_secret_is_its_owners_alone(tmp_path: Path) -> None:
    init(tmp_path)
    secret = [*tmp_path.rglob("*.key"), tmp_path / "o" / "token", tmp_path / "o" / "ingest-key"]
    assert {path.stat().st_mode & 0o777 for path in secret} == {0o600}
    assert {(tmp_path / home).stat().st_mode & 0o777 for home in ("c", "o")} == {0o700}


@pytest.mark.parametrize(("file", "scope"), [("token", AuthScope.ADMIN), ("ingest-key", AuthScope.INGEST)])
def test_a_token_is_known_to_the_store_by_its_hash_alone(tmp_path: Path, file: str, scope: AuthScope) -> None:
    init(tmp_path)
    token = (tmp_path / "o" / file).read_text().strip()

    async def found() -> AuthScope | None:
        database = await Database.open(f"sqlite+aiosqlite:///{tmp_path / 'c' / 'fleet.db'}")
        try:
            async with database.read() as connection:
                record = await tokens.api_token_of(connection, hash_of(token))
                return record.scope if record else None
        finally:
            await database.close()

    assert asyncio.run(found()) is scope
    assert token.encode() not in (tmp_path / "c" / "fleet.db").read_bytes()


def test_the_homes_can_be_read_back(tmp_path: Path) -> None:
    init(tmp_path, "test", "--host", "edge.example", "--api-port", "9443", "--article-channel", "stable")
    assert read_settings(tmp_path / "c").article.channel == "stable"
    assert read_context(tmp_path / "o").api == "https://edge.example:9443"


def test_a_second_time_is_refused_and_changes_nothing(tmp_path: Path) -> None:
    init(tmp_path)
    before = {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()}
    done = init(tmp_path, "other")
    assert done.exit_code == 6
    assert {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()} == before


def test_cut_off_in_the_middle_it_is_finished_by_doing_it_again(tmp_path: Path) -> None:
    init(tmp_path)
    keys = (tmp_path / "o" / "keys" / "root.key").read_bytes()
    (tmp_path / "c" / "fleet.toml").unlink()
    assert init(tmp_path).exit_code == 0
    assert (tmp_path / "o" / "keys" / "root.key").read_bytes() == keys


@pytest.mark.parametrize("words", [("a b",), ("ok", "--api-port", "70000"), ("ok", "--host", "a/b")])
def test_bad_input_is_named_and_makes_nothing(tmp_path: Path, words: tuple[str, ...]) -> None:
    done = init(tmp_path, *words)
    assert done.exit_code in (1, 2)
    assert "Error" in done.stderr
    assert list(tmp_path.iterdir()) == []


def test_addresses_to_poll_stand_in_the_settings(tmp_path: Path) -> None:
    init(tmp_path, "test", "--poll", "FLEET-1=http://10.0.0.7:8080", "--poll-every", "5")
    poller = read_settings(tmp_path / "c").poller
    assert [(one.device_id, one.url) for one in poller.devices] == [("FLEET-1", "http://10.0.0.7:8080")]
    assert poller.every_seconds == 5


@pytest.mark.parametrize("polled", ["FLEET-1", "FLEET-1=10.0.0.7:8080", "a/b=http://a:1"])
def test_a_bad_address_to_poll_is_refused_before_anything_is_made(tmp_path: Path, polled: str) -> None:
    done = init(tmp_path, "test", "--poll", polled)
    assert done.exit_code != 0
    assert "poll" in done.output
    assert not (tmp_path / "c").exists()
