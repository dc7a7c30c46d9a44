"""What is ordered: releases, channels, policies, directives."""

from __future__ import annotations

from typing import Final

from sqlalchemy import JSON, BigInteger, Boolean, Column, ForeignKey, Integer, LargeBinary, String, Table, Text

from pyv_fleet.store.schema.naming import metadata

releases: Final = Table(
    "releases",
    metadata,
    Column("digest", String(64), primary_key=True),
    Column("version", String(64), nullable=False, unique=True),
    Column("envelope", LargeBinary, nullable=False),
    Column("config_sha256", ForeignKey("blobs.sha256"), nullable=False),
    Column("format", String(8), nullable=False),
    Column("golden_hash", String(64), nullable=False),
    Column("security", BigInteger, nullable=False),
    Column("floor", BigInteger, nullable=False),
    Column("attempt", BigInteger, nullable=False),  # the last attempt given out, over the whole fleet
    Column("published_at", BigInteger, nullable=False, index=True),
    Column("published_by", Text, nullable=False),
    Column("provenance", LargeBinary, nullable=True),  # the signed statement's envelope
    Column("yanked_at", BigInteger, nullable=True),  # none = it may be rolled out
    Column("yanked_by", Text, nullable=True),
    Column("yanked_reason", Text, nullable=True),
)

blobs: Final = Table(
    "blobs",
    metadata,
    Column("sha256", String(64), primary_key=True),
    Column("content", LargeBinary, nullable=False),
)

golden_hashes: Final = Table(  # computed once per (release, overlay)
    "golden_hashes",
    metadata,
    Column("release", ForeignKey("releases.digest", ondelete="CASCADE"), primary_key=True),
    Column("overlay", String(64), primary_key=True),
    Column("golden_hash", String(64), nullable=False),
)

channels: Final = Table(
    "channels",
    metadata,
    Column("name", String(32), primary_key=True),
    Column("drift_policy", String(16), nullable=False),
    Column("drift_ignore", JSON, nullable=False),
    Column("window", JSON(none_as_null=True), nullable=True),
    Column("beat_seconds", Integer, nullable=False),
    Column("report_seconds", Integer, nullable=False),
    Column("keepalive_seconds", Integer, nullable=False),
    Column("settle_seconds", Integer, nullable=False),
    Column("download_bytes_per_second", Integer, nullable=False, server_default="0"),
    Column("overdue_seconds", Integer, nullable=False, server_default="900"),  # a device that lags so long is late
    Column("policy", String(64), nullable=True),  # of its rollouts; none = the built-in one
    Column("freezes", JSON, nullable=False, server_default="[]"),
    Column("hold_outs", JSON, nullable=False, server_default="[]"),  # releases as digests
    Column("herd", JSON(none_as_null=True), nullable=True),  # how many devices at once; none = all
    Column("last_good", String(64), nullable=True),  # the last release that was the whole channel's, before the present
    Column("created_at", BigInteger, nullable=False),
)

policies: Final = Table(
    "policies",
    metadata,
    Column("name", String(64), primary_key=True),
    Column("terms", JSON, nullable=False),  # core/policy.py's Policy
    Column("changed_by", Text, nullable=False),
    Column("changed_at", BigInteger, nullable=False),
)

directives: Final = Table(
    "directives",
    metadata,
    Column("channel", String(32), primary_key=True),
    Column("epoch", BigInteger, primary_key=True),
    Column("generation", BigInteger, primary_key=True),
    Column("envelope", LargeBinary, nullable=False),
    Column("payload_sha256", String(64), nullable=False),
    Column("rules", JSON, nullable=False),
    Column("reason", Text, nullable=False),
    Column("issued_by", Text, nullable=False),
    Column("issued_at", BigInteger, nullable=False),
    Column("expires_at", BigInteger, nullable=False),
    Column("foreign", Boolean, nullable=False),  # adopted from the broker: valid, and not issued by this store
    Column("published_at", BigInteger, nullable=True),  # none = not confirmed by the broker yet
)
