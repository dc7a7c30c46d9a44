"""Alerts, the audit log, and the rest that is only written down."""

from __future__ import annotations

from typing import Final

from sqlalchemy import BigInteger, Boolean, Column, Index, String, Table, Text, text

from pyv_fleet.store.schema.naming import Sequence, metadata

alerts: Final = Table(
    "alerts",
    metadata,
    Column("id", String(32), primary_key=True),
    Column("name", String(64), nullable=False),
    Column("subject", String(64), nullable=False),  # device id, channel, or "" for the fleet
    Column("device_id", String(64), nullable=True, index=True),
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
    Column("subject", Text, nullable=False, index=True),
    Column("reason", Text, nullable=False),
    Column("prev_hash", String(64), nullable=False),
    Column("hash", String(64), nullable=False),
)
