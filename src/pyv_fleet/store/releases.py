"""Releases, the configs that they name, and golden hashes per (release, overlay)."""

from __future__ import annotations

import msgspec
from sqlalchemy import insert, or_, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from pyv_fleet.store.records import add, many, one, page, record_of
from pyv_fleet.store.schema import blobs, golden_hashes, releases
from pyvorin_edge.vocabulary import ConfigFormat


class ReleaseRecord(msgspec.Struct, frozen=True, kw_only=True):
    """A published release; the order itself is in the envelope."""

    digest: str
    version: str
    envelope: bytes
    config_sha256: str
    format: ConfigFormat
    #: with no overlay
    golden_hash: str
    security: int
    floor: int
    #: the last attempt given out, over the whole fleet; 0 = never rolled out
    attempt: int
    published_at: int
    published_by: str
    #: the signed statement's envelope
    provenance: bytes | None = None
    #: none = it may be rolled out
    yanked_at: int | None = None
    yanked_by: str | None = None
    yanked_reason: str | None = None


async def get(connection: AsyncConnection, ref: str) -> ReleaseRecord | None:
    """A release by digest or version."""
    this = or_(releases.c.digest == ref, releases.c.version == ref)
    found = await many(connection, select(releases).where(this), ReleaseRecord)
    return next(iter(sorted(found, key=lambda one: one.digest != ref)), None)


async def every(connection: AsyncConnection) -> list[ReleaseRecord]:
    """All releases, newest first."""
    return await many(connection, select(releases).order_by(releases.c.published_at.desc()), ReleaseRecord)


async def newest(connection: AsyncConnection, limit: int) -> list[ReleaseRecord]:
    """The newest releases that were not withdrawn."""
    query = select(releases).where(releases.c.yanked_at.is_(None)).order_by(releases.c.published_at.desc()).limit(limit)
    return await many(connection, query, ReleaseRecord)


async def find_page(
    connection: AsyncConnection, after: str | None, limit: int
) -> tuple[list[ReleaseRecord], bool, int]:
    """A page by version: releases, whether there are more, how many in all."""
    paged = await page(connection, select(releases), releases.c.version, after, limit, newest=True)
    return [record_of(row, ReleaseRecord) for row in paged.rows], paged.more, paged.total


async def configs(connection: AsyncConnection) -> dict[str, str]:
    """The config's SHA-256 of every release, by digest."""
    rows = await connection.execute(select(releases.c.digest, releases.c.config_sha256))
    return {str(digest): str(config) for digest, config in rows.all()}


async def put(connection: AsyncConnection, release: ReleaseRecord, blob: bytes) -> None:
    """Store a new release and its config; call `get` first: digest and version are unique."""
    if await get_blob(connection, release.config_sha256) is None:
        await connection.execute(insert(blobs).values(sha256=release.config_sha256, content=blob))
    await add(connection, releases, release)


async def get_blob(connection: AsyncConnection, sha256: str) -> bytes | None:
    """The bytes of a config."""
    found = (await connection.execute(select(blobs.c.content).where(blobs.c.sha256 == sha256))).scalar_one_or_none()
    return None if found is None else bytes(found)


async def set_yank(
    connection: AsyncConnection, digest: str, at: int | None, by: str | None, reason: str | None
) -> None:
    """Withdraw a release, or with none allow it again."""
    values = {"yanked_at": at, "yanked_by": by, "yanked_reason": reason}
    await connection.execute(update(releases).where(releases.c.digest == digest).values(values))


async def set_provenance(connection: AsyncConnection, digest: str, envelope: bytes) -> None:
    """Where a release comes from, stated after it was published."""
    await connection.execute(update(releases).where(releases.c.digest == digest).values(provenance=envelope))


async def next_attempt(connection: AsyncConnection, digest: str) -> int:
    """A higher attempt than any before for this release, stored (PROTOCOL 5)."""
    this = releases.c.digest == digest
    await connection.execute(update(releases).where(this).values(attempt=releases.c.attempt + 1))
    return int((await connection.execute(select(releases.c.attempt).where(this))).scalar_one())


async def raise_attempt(connection: AsyncConnection, digest: str, attempt: int) -> None:
    """Adopt an attempt that was seen elsewhere; lower ones change nothing."""
    this = (releases.c.digest == digest) & (releases.c.attempt < attempt)
    await connection.execute(update(releases).where(this).values(attempt=attempt))


async def get_golden(connection: AsyncConnection, release: str, overlay: str) -> str | None:
    """The stored golden hash of (release, overlay digest)."""
    this = (golden_hashes.c.release == release) & (golden_hashes.c.overlay == overlay)
    return (await connection.execute(select(golden_hashes.c.golden_hash).where(this))).scalar_one_or_none()


async def put_golden(connection: AsyncConnection, release: str, overlay: str, golden_hash: str) -> None:
    """Store a golden hash; nothing if there is one."""
    if await get_golden(connection, release, overlay) is None:
        row = {"release": release, "overlay": overlay, "golden_hash": golden_hash}
        await connection.execute(insert(golden_hashes).values(row))


async def of_version(connection: AsyncConnection, version: str) -> ReleaseRecord | None:
    """A release by version alone."""
    return await one(connection, select(releases).where(releases.c.version == version), ReleaseRecord)
