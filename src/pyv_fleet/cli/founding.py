"""Making a fleet: keys, authorities, the first trust document, the store, the operator's home and tokens.

Safe to repeat after a power cut in the middle: what is there is kept, what is missing is made.
"""

from __future__ import annotations

import asyncio
import datetime as dt
from pathlib import Path
from typing import TYPE_CHECKING, Final

from pyv_fleet import settings as fleet_settings
from pyv_fleet.cli.session import CliError, Exit
from pyv_fleet.core.words import AuthScope
from pyv_fleet.durable import private_dir, write_durably
from pyv_fleet.settings import FILE, Settings, settings_text
from pyv_fleet.store.tokens import ApiTokenRecord
from pyv_fleet.trust.tokens import hash_of, new_api_token
from pyvorin_edge.trust import Link

if TYPE_CHECKING:
    from pyv_fleet.trust.authority import Authority
    from pyvorin_edge.trust import Trust

OPERATOR: Final = "operator"
#: file of the key with which devices bring their telemetry (`cloud.api_key`): it opens nothing else
INGEST_KEY: Final = "ingest-key"


def make_homes(data: Path, operator: Path, settings: Settings) -> None:
    """Make both homes; CliError (conflict) if another fleet's stand there."""
    from pyv_fleet.trust.authority import Authority

    _refuse_other(data, settings)
    private_dir(data)
    private_dir(operator)
    now = dt.datetime.now(dt.UTC)  # noqa: TID251 - the one place where this shell asks for the time
    authority = Authority.open_or_create(data / "ca", settings.hosts, now)
    trust = _trust(data, operator, settings, authority, now)
    asyncio.run(_store(data, settings, trust, callers_of(operator), int(now.timestamp() * 1000)))
    write_durably(operator / "server_ca.pem", authority.places.server_ca.certificate.read_bytes(), mode=0o644)
    write_durably(operator / "context.toml", _context(settings).encode())
    write_durably(data / FILE, settings_text(settings).encode())


def callers_of(operator: Path) -> tuple[ApiTokenRecord, ...]:
    """Who may call with the tokens in the operator's home; a token that is not there is made."""
    return (
        _record(_token(operator / "token"), OPERATOR, AuthScope.ADMIN),
        _record(_token(operator / INGEST_KEY), "devices", AuthScope.INGEST),
    )


def _refuse_other(data: Path, settings: Settings) -> None:
    if not (data / FILE).exists():
        return
    there = fleet_settings.read_settings(data)
    raise CliError(f"{data}: holds fleet {there.fleet!r} already; its settings stand in {data / FILE}", Exit.CONFLICT)


def _trust(data: Path, operator: Path, settings: Settings, authority: Authority, now: dt.datetime) -> Trust:
    """Document 1, signed by root, which names the release and the directive key."""
    from pyv_fleet.trust.keyfiles import read_or_make_key
    from pyv_fleet.trust.root_document import ROOT_LIFE, RoleKeys, RootTerms, make_root
    from pyvorin_edge.envelope import public_bytes
    from pyvorin_edge.trust import Extra, advance, from_key

    root = read_or_make_key(operator / "keys" / "root.key")
    release = read_or_make_key(operator / "keys" / "release.key")
    directive = read_or_make_key(data / "keys" / "directive.key")
    path = private_dir(data / "trust") / "1.json"
    anchor = from_key(public_bytes(root))
    if not path.exists():
        terms = RootTerms(
            root=RoleKeys((public_bytes(root),)),
            release=RoleKeys((public_bytes(release),)),
            directive=RoleKeys((public_bytes(directive),)),
            extra=Extra(fleet=settings.fleet, epoch=1, link=_link(settings, authority)),
            expires=now + ROOT_LIFE,
        )
        write_durably(path, make_root(terms, [root]))
    return advance(anchor, path.read_bytes())


def _link(settings: Settings, authority: Authority) -> Link:
    host = settings.hosts[0]
    shown = f"[{host}]" if ":" in host else host
    ca = authority.places.server_ca.certificate.read_text(encoding="utf-8")
    return Link(mqtt=(f"{shown}:{settings.broker.port}",), http=(f"https://{shown}:{settings.api.port}",), ca_pem=(ca,))


def _token(path: Path) -> str:
    if not path.exists():
        write_durably(path, new_api_token().encode() + b"\n")
    return path.read_text(encoding="utf-8").strip()


async def _store(
    data: Path, settings: Settings, trust: Trust, callers: tuple[ApiTokenRecord, ...], now_ms: int
) -> None:
    from pyv_fleet.engine.assembly import found_fleet
    from pyv_fleet.store import fleet, tokens
    from pyv_fleet.store import trust as documents
    from pyv_fleet.store.database import Database

    database = await Database.open(fleet_settings.store_url(settings, data))
    try:
        await found_fleet(database, settings.fleet, trust.anchor_key.hex(), now_ms)
        async with database.begin() as connection:
            known = await fleet.get(connection)
            assert known is not None, "found_fleet has made it"
            if (known.name, known.root_key) != (settings.fleet, trust.anchor_key.hex()):
                raise CliError(f"the store holds fleet {known.name!r} already", Exit.CONFLICT)
            if await documents.document(connection, trust.version) is None:
                await documents.put(connection, trust, now_ms, OPERATOR)
            for caller in callers:
                if await tokens.api_token_of(connection, caller.sha256) is None:
                    await tokens.put_api(connection, caller, now_ms)
    finally:
        await database.close()


def _record(token: str, name: str, scope: AuthScope) -> ApiTokenRecord:
    sha256 = hash_of(token)
    return ApiTokenRecord(token_id=sha256[:12], sha256=sha256, name=name, scope=scope)


def _context(settings: Settings) -> str:
    import tomli_w

    host = settings.hosts[0]
    shown = f"[{host}]" if ":" in host else host
    return tomli_w.dumps(
        {
            "api": f"https://{shown}:{settings.api.port}",
            "page": f"http://127.0.0.1:{settings.page.port}/",
            "ca": "server_ca.pem",
            "token_file": "token",
            "release_key": "keys/release.key",
            "root_key": "keys/root.key",
        }
    )
