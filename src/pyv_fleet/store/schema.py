"""All tables, for SQLite and PostgreSQL alike. Times are Unix milliseconds, digests lower-case hex.

What the fleet is told (devices, channels, directives) stands apart from what it says of itself (device_status), so that
reports and orders never write the same row.
"""

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
    MetaData,
    String,
    Table,
    Text,
    text,
)

metadata: Final = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "fk": "fk_%(table_name)s_%(column_0_N_name)s",
        "pk": "pk_%(table_name)s",
    }
)

#: rowid alias on SQLite, bigserial on PostgreSQL
Sequence: Final = BigInteger().with_variant(Integer(), "sqlite")

fleet: Final = Table(
    "fleet",
    metadata,
    Column("id", Integer, primary_key=True),  # always 1
    Column("name", String(64), nullable=False),
    Column("root_key", String(64), nullable=False),  # hex of the trust anchor's key
    Column("issued_at", BigInteger, nullable=False),  # of the last order: the next one's is higher (rule 8)
    Column("founded_at", BigInteger, nullable=False),
)

trust_documents: Final = Table(
    "trust_documents",
    metadata,
    Column("version", Integer, primary_key=True, autoincrement=False),
    Column("document", LargeBinary, nullable=False),
    Column("epoch", BigInteger, nullable=False),
    Column("expires_at", BigInteger, nullable=False),
    Column("added_at", BigInteger, nullable=False),
    Column("added_by", Text, nullable=False),
)

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
    Column("last_good", String(64), nullable=True),  # the last release that was the whole channel's, before the present
    Column("created_at", BigInteger, nullable=False),
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

rollouts: Final = Table(
    "rollouts",
    metadata,
    Column("id", String(32), primary_key=True),
    Column("channel", String(32), nullable=False, index=True),
    Column("release", String(64), nullable=False),
    Column("baseline", String(64), nullable=True),
    Column("state", String(16), nullable=False, index=True),
    Column("wave", Integer, nullable=False),
    Column("spec", JSON, nullable=False),
    Column("machine", JSON, nullable=False),  # core/rollout.py's value, whole
    Column("because", Text, nullable=False),
    Column("reason", Text, nullable=False),
    Column("created_by", Text, nullable=False),
    Column("created_at", BigInteger, nullable=False, index=True),
    Column("ended_at", BigInteger, nullable=True),
)

waves: Final = Table(
    "waves",
    metadata,
    Column("rollout_id", ForeignKey("rollouts.id", ondelete="CASCADE"), primary_key=True),
    Column("wave", Integer, primary_key=True),
    Column("cohort", Text, nullable=False),
    Column("state", String(16), nullable=False),
    Column("rule", JSON(none_as_null=True), nullable=True),  # who is in: where, salt, below
    Column("tally", JSON, nullable=False),
    Column("verdict", String(16), nullable=True),
    Column("because", Text, nullable=False),
    Column("generation", BigInteger, nullable=True),
    Column("started_at", BigInteger, nullable=True),
    Column("applied_at", BigInteger, nullable=True),
    Column("judged_at", BigInteger, nullable=True),
)

wave_members: Final = Table(  # frozen when the wave starts; a late joiner is not judged
    "wave_members",
    metadata,
    Column("rollout_id", ForeignKey("rollouts.id", ondelete="CASCADE"), primary_key=True),
    Column("wave", Integer, primary_key=True),
    Column("device_id", String(64), primary_key=True),
    Column("online", Boolean, nullable=False),  # at the start of the wave
    Column("outcome", String(16), nullable=True),
    Index(None, "device_id"),
)

rollbacks: Final = Table(
    "rollbacks",
    metadata,
    Column("id", String(32), primary_key=True),
    Column("to_version", String(64), nullable=False),
    Column("targets", JSON, nullable=False),  # {channel: {release, epoch, generation}}
    Column("reason", Text, nullable=False),
    Column("created_by", Text, nullable=False),
    Column("started_at", BigInteger, nullable=False, index=True),
    Column("done_at", BigInteger, nullable=True),
)

rollback_acks: Final = Table(  # one row a device that the rollback touches, made when it starts
    "rollback_acks",
    metadata,
    Column("rollback_id", ForeignKey("rollbacks.id", ondelete="CASCADE"), primary_key=True),
    Column("device_id", String(64), primary_key=True),
    Column("channel", String(32), nullable=False),
    Column("online", Boolean, nullable=False),  # when the rollback started
    Column("acknowledged_at", BigInteger, nullable=True),
    Index(None, "device_id"),
)

tokens: Final = Table(  # enrolment tokens: everything but the token
    "tokens",
    metadata,
    Column("token_id", String(32), primary_key=True),
    Column("sha256", String(64), nullable=False, unique=True),
    Column("channel", String(32), nullable=False),
    Column("labels", JSON, nullable=False),
    Column("uses_left", Integer, nullable=False),
    Column("expires_at", BigInteger, nullable=False),
    Column("device_id", String(64), nullable=True),
    Column("created_at", BigInteger, nullable=False),
    Column("created_by", Text, nullable=False),
)

api_tokens: Final = Table(
    "api_tokens",
    metadata,
    Column("token_id", String(32), primary_key=True),
    Column("sha256", String(64), nullable=False, unique=True),
    Column("name", Text, nullable=False),
    Column("scope", String(16), nullable=False),
    Column("expires_at", BigInteger, nullable=True),
    Column("created_at", BigInteger, nullable=False),
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

alerts: Final = Table(
    "alerts",
    metadata,
    Column("id", String(32), primary_key=True),
    Column("name", String(64), nullable=False),
    Column("subject", String(64), nullable=False),  # device id, channel, or "" for the fleet
    Column("device_id", String(64), nullable=True),
    Column("state", String(16), nullable=False),
    Column("detail", Text, nullable=False),
    Column("verified", Boolean, nullable=False),
    Column("raised_at", BigInteger, nullable=False, index=True),
    Column("resolved_at", BigInteger, nullable=True),
    Index(
        "ix_alerts_open",
        "name",
        "subject",
        unique=True,
        sqlite_where=text("state = 'firing'"),
        postgresql_where=text("state = 'firing'"),
    ),
)

audit: Final = Table(  # hash-chained: a line that is changed or taken out shows
    "audit",
    metadata,
    Column("seq", Sequence, primary_key=True),
    Column("at", BigInteger, nullable=False),
    Column("actor", Text, nullable=False),
    Column("act", String(64), nullable=False),
    Column("subject", Text, nullable=False),
    Column("reason", Text, nullable=False),
    Column("prev_hash", String(64), nullable=False),
    Column("hash", String(64), nullable=False),
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

idempotency: Final = Table(  # answers to POSTs that bore an Idempotency-Key
    "idempotency",
    metadata,
    Column("actor", String(128), primary_key=True),
    Column("key", String(128), primary_key=True),
    Column("request_sha256", String(64), nullable=False),
    Column("status", Integer, nullable=False),
    Column("body", LargeBinary, nullable=False),
    Column("made_at", BigInteger, nullable=False, index=True),
)
