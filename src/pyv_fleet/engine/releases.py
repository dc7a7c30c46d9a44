"""Releases as the controller takes them: verified before they are parsed, checked as a device checks them, kept."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from msgspec.structs import replace
from sqlalchemy.ext.asyncio import AsyncConnection

from pyv_fleet.core.provenance import PROVENANCE_BYTES_MAX, Provenance, ProvenanceError, stated
from pyv_fleet.core.release import ReleaseRefused, refuse_mismatch
from pyv_fleet.core.views import Page, ReleaseView, YankView
from pyv_fleet.engine.audit import AuditLog
from pyv_fleet.engine.bundles import Bundles
from pyv_fleet.engine.errors import Conflict, Invalid, NotFound
from pyv_fleet.engine.ground import Ground, rfc3339
from pyv_fleet.engine.orders import Orders
from pyv_fleet.engine.trust_chain import TrustChain
from pyv_fleet.store import orders as directives
from pyv_fleet.store import releases
from pyv_fleet.store.releases import ReleaseRecord
from pyvorin_edge.config.layers import golden_hash
from pyvorin_edge.envelope import TYPE_RELEASE, EnvelopeError, open_envelope, signers
from pyvorin_edge.identity import Digest
from pyvorin_edge.orders import OrderError, Release, decode_order, overlay_digest, release_digest
from pyvorin_edge.trust import Trust, holds
from pyvorin_edge.vocabulary import Role


class Releases:
    """Takes, keeps and shows releases; engine/interface.py, ReleaseDesk."""

    def __init__(self, ground: Ground, trust: TrustChain, orders: Orders, audit: AuditLog, bundles: Bundles) -> None:
        self._ground = ground
        self._trust = trust
        self._orders = orders
        self._audit = audit
        self._bundles = bundles

    async def publish(
        self, envelope: bytes, blob: bytes, actor: str, *, unchecked: bool = False, provenance: bytes | None = None
    ) -> tuple[ReleaseView, bool]:
        """The release, and whether it is new: the same digest again changes nothing, but that a release which was
        published without its provenance has it then.

        Invalid with each problem named; Conflict if the version names another release, or floors are crossed.
        `unchecked` takes a config that parses and makes no sense: the devices refuse it (a bench test, audited).
        """
        digest, release = verified_release(self._trust.current, envelope, self._ground.fleet)
        try:
            refuse_mismatch(release, blob, skip_validation=unchecked)
        except ReleaseRefused as why:
            raise Invalid("the release does not hold", str(why), why.errors) from None
        if release.bundle is not None:
            await self._bundles.refuse_unsound(release.bundle, self._trust.current)
        _refuse_statement(self._trust.current, provenance, digest)
        record = self._record(digest, release, envelope, provenance, actor)
        async with self._ground.database.begin() as connection:
            known = await releases.get(connection, digest)
            if known is None:
                await self._refuse(connection, digest, release)
                await releases.put(connection, record, blob)
                await releases.put_golden(connection, digest, overlay_digest(None), release.golden_hash)
                reason = "taken unchecked: its config was not validated" if unchecked else "published"
                await self._audit.record(
                    connection, actor=actor, act="release.publish", subject=f"{release.version} {digest}", reason=reason
                )
            elif known.provenance is None and provenance is not None:
                await releases.set_provenance(connection, digest, provenance)
                await self._audit.record(
                    connection, actor=actor, act="release.state", subject=f"{release.version} {digest}",
                    reason="said where it comes from",
                )  # fmt: skip
        await self._orders.publish_pending()
        self._ground.changes.ring("releases")
        return await self.get(digest), known is None

    async def page(self, after: str | None, limit: int) -> Page[ReleaseView]:
        """All releases."""
        async with self._ground.database.read() as connection:
            found, more, total = await releases.find_page(connection, after, limit)
            where = await _channels_by_release(connection)
        trust = self._trust.current
        items = tuple(_brief(view_of(record, where.get(record.digest, ()), trust)) for record in found)
        return Page(items=items, next=items[-1].version if more else None, total=total)

    async def get(self, ref: str) -> ReleaseView:
        """By digest or version; NotFound."""
        async with self._ground.database.read() as connection:
            record = await known_release(connection, ref)
            where = await _channels_by_release(connection)
        return view_of(record, where.get(record.digest, ()), self._trust.current)

    async def envelope(self, ref: str) -> bytes:
        """The signed envelope; NotFound."""
        async with self._ground.database.read() as connection:
            return (await known_release(connection, ref)).envelope

    async def provenance(self, ref: str) -> bytes:
        """The signed statement of where it comes from; NotFound."""
        async with self._ground.database.read() as connection:
            record = await known_release(connection, ref)
        if record.provenance is None:
            raise NotFound("no provenance", f"{record.version} was published without: nobody said where it comes from")
        return record.provenance

    async def blob(self, sha256: str) -> bytes:
        """A config's bytes; NotFound."""
        async with self._ground.database.read() as connection:
            found = await releases.get_blob(connection, sha256)
        if found is None:
            raise NotFound("no such config", f"none of SHA-256 {sha256!r} was published")
        return found

    async def _refuse(self, connection: AsyncConnection, digest: Digest, release: Release) -> None:
        """Whatever speaks against a new release that holds by itself."""
        same = await releases.of_version(connection, release.version)
        if same is not None:
            raise Conflict(
                "this version stands for another release",
                f"{release.version} is {same.digest}, not {digest}: give the new one a version of its own",
            )
        trust = self._trust.current
        if digest in trust.revoked_releases:
            raise Conflict("revoked", f"trust document {trust.version} revokes {digest}")
        if release.security < trust.floor:
            raise Conflict("below the floor", f"security {release.security} is below the fleet's floor {trust.floor}")
        await self._refuse_high_floor(connection, release)

    async def _refuse_high_floor(self, connection: AsyncConnection, release: Release) -> None:
        """A floor above what stands would forbid the way back to it (PROTOCOL 5, rule 9)."""
        for channel, directive in (await directives.current_all(connection)).items():
            standing = await releases.get(connection, directive.rules[-1].release)
            if standing is not None and release.floor > standing.security:
                raise Conflict(
                    "its floor bars the way back",
                    f"floor {release.floor} is above security {standing.security} of {standing.version}, which channel "
                    f"{channel} runs: publish a release with that security first",
                )

    def _record(
        self, digest: Digest, release: Release, envelope: bytes, provenance: bytes | None, actor: str
    ) -> ReleaseRecord:
        return ReleaseRecord(
            digest=digest,
            version=release.version,
            envelope=envelope,
            config_sha256=release.config.sha256,
            format=release.config.format,
            golden_hash=release.golden_hash,
            security=release.security,
            floor=release.floor,
            attempt=0,
            published_at=self._ground.clock(),
            published_by=actor,
            provenance=provenance,
        )


def verified_release(trust: Trust, envelope: bytes, fleet: str) -> tuple[Digest, Release]:
    """The release in an envelope, verified before it is parsed; Invalid says at which step it fell."""
    try:
        opened = open_envelope(envelope)
    except EnvelopeError as why:
        raise Invalid("no envelope", str(why), (f"envelope: {why}",)) from None
    if opened.payload_type != TYPE_RELEASE:
        raise Invalid("no release", f"payloadType is {opened.payload_type!r}, not {TYPE_RELEASE!r}")
    if not holds(trust, Role.RELEASE, opened):
        raise Invalid(
            "not signed by the release role",
            f"trust document {trust.version} names who may sign releases: sign it with one of those keys",
        )
    try:
        release = decode_order(opened.payload, Release)
    except OrderError as why:
        raise Invalid("the release cannot be read", why.detail, (why.detail,)) from None
    if release.fleet != fleet:
        raise Invalid("another fleet", f"the release is for {release.fleet!r}, this is {fleet!r}")
    return release_digest(opened.payload), release


async def known_release(connection: AsyncConnection, ref: str) -> ReleaseRecord:
    """A release by digest or version; NotFound."""
    found = await releases.get(connection, ref)
    if found is None:
        raise NotFound("no such release", f"{ref!r} is neither a version nor a digest that was published")
    return found


async def golden_hash_of(connection: AsyncConnection, release: str, overlay: dict[str, Any]) -> str | None:
    """The golden hash of (release, overlay), computed as the device computes it; none for an unknown release."""
    record = await releases.get(connection, release)
    if record is None or not overlay:
        return None if record is None else record.golden_hash
    stored = await releases.get_golden(connection, record.digest, overlay_digest(overlay))
    if stored is not None:
        return stored
    blob = await releases.get_blob(connection, record.config_sha256)
    return None if blob is None else golden_hash(blob, record.format, overlay)


def release_of(record: ReleaseRecord) -> Release:
    """The order in a stored envelope, which was verified before it was stored."""
    return decode_order(open_envelope(record.envelope).payload, Release)


def provenance_of(record: ReleaseRecord) -> Provenance | None:
    """Where a release comes from, as was stated and verified when it was published."""
    return None if record.provenance is None else stated(record.provenance, record.digest)


def view_of(record: ReleaseRecord, channels: Sequence[str], trust: Trust) -> ReleaseView:
    """As the API shows it."""
    keys = trust.roles[Role.RELEASE].by_id
    return ReleaseView(
        digest=record.digest,
        version=record.version,
        config_sha256=record.config_sha256,
        format=record.format,
        golden_hash=record.golden_hash,
        security=record.security,
        floor=record.floor,
        published_at=rfc3339(record.published_at),
        published_by=record.published_by,
        channels=tuple(channels),
        bundle=release_of(record).bundle,
        signed_by=tuple(sorted(signers(open_envelope(record.envelope), keys))),
        provenance=provenance_of(record),
        yanked=yank_of(record),
    )


def yank_of(record: ReleaseRecord) -> YankView | None:
    """That it was withdrawn, if it was."""
    if record.yanked_at is None:
        return None
    return YankView(at=rfc3339(record.yanked_at), by=record.yanked_by or "", reason=record.yanked_reason or "")


def _brief(view: ReleaseView) -> ReleaseView:
    """For lists: without every file that it was built from."""
    if view.provenance is None:
        return view
    return replace(view, provenance=replace(view.provenance, files={}))


def _refuse_statement(trust: Trust, provenance: bytes | None, digest: Digest) -> None:
    """Invalid for a statement of provenance that is about another release, or not signed by the release role."""
    if provenance is None:
        return
    try:
        stated(provenance, digest)
    except ProvenanceError as why:
        raise Invalid("its provenance does not hold", str(why), (str(why),)) from None
    if not holds(trust, Role.RELEASE, open_envelope(provenance, limit_bytes=PROVENANCE_BYTES_MAX)):
        raise Invalid("its provenance does not hold", "provenance: not signed by the release role, as the release is")


async def _channels_by_release(connection: AsyncConnection) -> dict[str, tuple[str, ...]]:
    """Which channels have a release in a rule now."""
    found: dict[str, list[str]] = {}
    for channel, directive in sorted((await directives.current_all(connection)).items()):
        for digest in dict.fromkeys(rule.release for rule in directive.rules):
            found.setdefault(digest, []).append(channel)
    return {digest: tuple(channels) for digest, channels in found.items()}
