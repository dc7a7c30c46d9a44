"""Devices: what they are told, and what they say of themselves."""

from __future__ import annotations

from typing import Final

from sqlalchemy import (
    JSON,
    BigInteger,
    Boolean,
    Column,
    Float,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    String,
    Table,
    Text,
    false,
)

from pyv_fleet.store.schema.naming import metadata

devices: Final = Table(
    "devices",
    metadata,
    Column("device_id", String(64), primary_key=True),
    Column("key_sha256", String(64), nullable=False),  # SHA-256 of the public key's SubjectPublicKeyInfo
    Column("incarnation", Integer, nullable=False),
    Column("quarantined", Boolean, nullable=False),
    Column("enrolled_at", BigInteger, nullable=False),
    # the assignment, as it was last signed
    Column("channel", String(32), nullable=False, index=True),
    Column("labels", JSON, nullable=False),
    Column("overlay", JSON, nullable=False),
    Column("overlay_digest", String(64), nullable=False),
    Column("pin", JSON(none_as_null=True), nullable=True),
    Column("tz", String(64), nullable=False),
    Column("min_generation", BigInteger, nullable=False),
    Column("epoch", BigInteger, nullable=False),
    Column("number", BigInteger, nullable=False),
    Column("assignment", LargeBinary, nullable=False),  # the envelope
    Column("published_at", BigInteger, nullable=True),  # none = not confirmed by the broker yet
    # what labels and overlay are made of; none = they are all its own
    Column("own_labels", JSON(none_as_null=True), nullable=True),
    Column("own_overlay", JSON(none_as_null=True), nullable=True),
    Column("layers", JSON(none_as_null=True), nullable=True),  # the values of groups, as it was given them
    Column("turn", JSON(none_as_null=True), nullable=True),  # the last {release, attempt, at, over}
    Column("holds_turn", Boolean, nullable=False, server_default=false(), index=True),  # it may still use one
    Column("drift_terms", JSON(none_as_null=True), nullable=True),  # what its groups say about drift; none = nothing
)

device_labels: Final = Table(  # devices.labels again, to be searched by
    "device_labels",
    metadata,
    Column("device_id", ForeignKey("devices.device_id", ondelete="CASCADE"), primary_key=True),
    Column("label", String(64), primary_key=True),
    Column("value", Text, nullable=False),
    Index(None, "label", "value"),
)

device_status: Final = Table(  # one row a device, made at enrolment; only the intake and the sweeps write it
    "device_status",
    metadata,
    Column("device_id", ForeignKey("devices.device_id", ondelete="CASCADE"), primary_key=True),
    Column("connectivity", String(16), nullable=False, index=True),
    Column("last_seen", BigInteger, nullable=True),
    # order of what it says (PROTOCOL 6)
    Column("incarnation", Integer, nullable=False),
    Column("boot", BigInteger, nullable=False),
    Column("boot_id", Text, nullable=False),
    Column("conn", BigInteger, nullable=False),
    Column("seq", BigInteger, nullable=False),  # of the last report or beat
    Column("report_seq", BigInteger, nullable=False),  # of the last full report
    Column("reported_at", BigInteger, nullable=True),  # when that was received
    Column("before_boot_id", Text, nullable=False),  # the start before this one, and its last seq: what comes again
    Column("before_seq", BigInteger, nullable=False),
    # facts of the last report
    Column("clock", String(16), nullable=True),
    Column("agent_version", Text, nullable=True),
    Column("caps", JSON(none_as_null=True), nullable=True),  # what its agent can do
    Column("channel", String(32), nullable=True),  # the channel it follows; devices.channel is what it is told
    Column("epoch", BigInteger, nullable=False),
    Column("generation", BigInteger, nullable=False),
    Column("number", BigInteger, nullable=False),
    Column("trust", Integer, nullable=False),
    Column("floor", BigInteger, nullable=False),
    Column("running_release", String(64), nullable=True),
    Column("running_version", Text, nullable=True),
    Column("running_hash", String(64), nullable=True),
    Column("effective_hash", String(64), nullable=True),
    Column("committed_release", String(64), nullable=True),  # of its last result `committed`
    Column("committed_overlay", String(64), nullable=True),
    Column("target_release", String(64), nullable=True),
    Column("target_overlay", String(64), nullable=True),
    Column("target_attempt", BigInteger, nullable=True),
    Column("phase", String(16), nullable=True),
    Column("waiting_for", String(16), nullable=True),
    Column("waiting_since", BigInteger, nullable=True),  # when it first said so, by our clock
    Column("result_release", String(64), nullable=True),
    Column("result_overlay", String(64), nullable=True),
    Column("result_attempt", BigInteger, nullable=True),
    Column("result_outcome", String(16), nullable=True),
    Column("result_code", String(32), nullable=True),
    Column("result_detail", Text, nullable=True),
    Column("result_at", BigInteger, nullable=True),
    Column("standing", String(16), nullable=False, index=True),
    Column("drift_kinds", JSON, nullable=False),
    Column("drift_paths", JSON, nullable=False),
    Column("drift_more", Integer, nullable=False),
    Column("drift_since", BigInteger, nullable=True),
    Column("applied_hash", String(64), nullable=True),
    Column("live_hash", String(64), nullable=True),
    Column("refused", JSON(none_as_null=True), nullable=True),
    Column("health_status", String(16), nullable=False, index=True),
    Column("health", JSON, nullable=False),
    # the five figures of a beat
    Column("cpu_percent", Float, nullable=True),
    Column("ram_percent", Float, nullable=True),
    Column("disk_percent", Float, nullable=True),
    Column("temperature", Float, nullable=True),
    Column("queue_depth", BigInteger, nullable=True),
)

certificates: Final = Table(
    "certificates",
    metadata,
    Column("serial", String(48), primary_key=True),  # lower-case hex
    Column("device_id", ForeignKey("devices.device_id"), nullable=False, index=True),
    Column("key_sha256", String(64), nullable=False),
    Column("issued_at", BigInteger, nullable=False),
    Column("expires_at", BigInteger, nullable=False),
    Column("revoked_at", BigInteger, nullable=True),
)

ingest_batches: Final = Table(
    "ingest_batches",
    metadata,
    Column("source", String(64), primary_key=True),  # device id, or token id
    Column("batch_id", String(128), primary_key=True),
    Column("body", LargeBinary, nullable=False),
    Column("item_count", Integer, nullable=False),
    Column("received_at", BigInteger, nullable=False, index=True),
)

requests: Final = Table(
    "requests",
    metadata,
    Column("request_id", String(32), primary_key=True),
    Column("device_id", String(64), nullable=False, index=True),
    Column("verb", String(16), nullable=False),
    Column("args", JSON, nullable=False),
    Column("actor", Text, nullable=False),
    Column("issued_at", BigInteger, nullable=False),
    Column("expires_at", BigInteger, nullable=False),
    Column("outcome", String(16), nullable=True),
    Column("code", String(16), nullable=True),
    Column("answered_at", BigInteger, nullable=True),
)
