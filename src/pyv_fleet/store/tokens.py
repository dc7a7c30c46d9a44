"""Tokens of devices and of people: hashes, never the tokens."""

from __future__ import annotations

import msgspec
from sqlalchemy import insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from pyv_fleet.core.words import AuthScope
from pyv_fleet.store.records import many, one, values_of
from pyv_fleet.store.schema import api_tokens, tokens


class TokenRecord(msgspec.Struct, frozen=True, kw_only=True):
    """An enrolment token, all but the token: the fields of trust/tokens.py's EnrolmentTerms."""

    token_id: str
    #: SHA-256 of the token's text
    sha256: str
    channel: str
    labels: dict[str, str]
    uses_left: int
    expires_at: int
    device_id: str | None = None


class ApiTokenRecord(msgspec.Struct, frozen=True, kw_only=True):
    """A person's or program's token, all but the token: the fields of trust/tokens.py's ApiToken."""

    token_id: str
    sha256: str
    name: str
    scope: AuthScope
    #: none = until it is withdrawn
    expires_at: int | None = None


async def put_enrolment(connection: AsyncConnection, token: TokenRecord, now_ms: int, actor: str) -> None:
    """Store a new enrolment token."""
    await connection.execute(insert(tokens).values(values_of(token) | {"created_at": now_ms, "created_by": actor}))


async def enrolment_of(connection: AsyncConnection, sha256: str) -> TokenRecord | None:
    """The enrolment token with this hash."""
    return await one(connection, select(tokens).where(tokens.c.sha256 == sha256), TokenRecord)


async def use(connection: AsyncConnection, token_id: str, uses: int) -> bool:
    """Take `uses` from a token; false if it has not so many left."""
    this = (tokens.c.token_id == token_id) & (tokens.c.uses_left >= uses)
    done = await connection.execute(update(tokens).where(this).values(uses_left=tokens.c.uses_left - uses))
    return bool(done.rowcount)


async def open_for(connection: AsyncConnection, channel: str, now_ms: int) -> str | None:
    """The id of an enrolment token that still brings devices to a channel, if there is one."""
    query = select(tokens.c.token_id).where(tokens.c.channel == channel)
    query = query.where(tokens.c.uses_left > 0).where(tokens.c.expires_at > now_ms).limit(1)
    found = (await connection.execute(query)).scalar_one_or_none()
    return None if found is None else str(found)


async def put_api(connection: AsyncConnection, token: ApiTokenRecord, now_ms: int) -> None:
    """Store a new API token."""
    await connection.execute(insert(api_tokens).values(values_of(token) | {"created_at": now_ms}))


async def api_token_of(connection: AsyncConnection, sha256: str) -> ApiTokenRecord | None:
    """The API token with this hash."""
    return await one(connection, select(api_tokens).where(api_tokens.c.sha256 == sha256), ApiTokenRecord)


async def api_tokens_all(connection: AsyncConnection) -> list[ApiTokenRecord]:
    """All API tokens, without the tokens."""
    return await many(connection, select(api_tokens).order_by(api_tokens.c.token_id), ApiTokenRecord)
