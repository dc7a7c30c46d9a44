"""Alerts: what is raised, the rules and what stands under them, silences, and what is on its way out."""

from __future__ import annotations

from typing import Final

from sqlalchemy import JSON, BigInteger, Boolean, Column, Index, Integer, String, Table, Text, false, text

from pyv_fleet.store.schema.naming import metadata

alerts: Final = Table(
    "alerts",
    metadata,
    Column("id", String(32), primary_key=True),
    Column("name", String(64), nullable=False),
    Column("subject", String(64), nullable=False),  # device id, channel, label=value, or "" for the fleet
    Column("device_id", String(64), nullable=True, index=True),
    Column("state", String(16), nullable=False),
    Column("detail", Text, nullable=False),
    Column("verified", Boolean, nullable=False),
    Column("raised_at", BigInteger, nullable=False, index=True),
    Column("resolved_at", BigInteger, nullable=True),
    Column("severity", String(16), nullable=False, server_default="warning"),
    Column("labels", JSON, nullable=False, server_default="{}"),  # of its device, or of what it is about
    Column("rule", Boolean, nullable=False, server_default=false()),  # raised by a rule, which ends it too
    Column("code", String(32), nullable=True),  # of a diagnosis
    Column("acknowledged_at", BigInteger, nullable=True),
    Column("acknowledged_by", Text, nullable=True),
    Column("acknowledged_reason", Text, nullable=True),
    Column("told", String(16), nullable=True),  # the state that was last told to sinks; none = nothing was
    Index("ix_alerts_told", "told", "state"),
    Index(
        "ix_alerts_open",
        "name",
        "subject",
        unique=True,
        sqlite_where=text("state = 'firing'"),
        postgresql_where=text("state = 'firing'"),
    ),
)

alert_rules: Final = Table(  # those that were set; built-in ones stand in core/alert_rules.py
    "alert_rules",
    metadata,
    Column("name", String(64), primary_key=True),
    Column("rule", JSON, nullable=False),
    Column("changed_by", Text, nullable=False),
    Column("changed_at", BigInteger, nullable=False),
)

alert_holds: Final = Table(  # what stands for each device under each rule; none = quiet
    "alert_holds",
    metadata,
    Column("rule", String(64), primary_key=True),
    Column("device_id", String(64), primary_key=True),
    Column("state", String(16), nullable=False),
    Column("since", BigInteger, nullable=False),
    Column("at", BigInteger, nullable=False),
    Column("value", Text, nullable=False),  # of the label that its rule correlates by; "" = it has none
)

alert_outages: Final = Table(
    "alert_outages",
    metadata,
    Column("rule", String(64), primary_key=True),
    Column("value", String(64), primary_key=True),
    Column("label", String(64), nullable=False),
    Column("state", String(16), nullable=False),
    Column("onset", BigInteger, nullable=False),
    Column("at", BigInteger, nullable=False),
)

silences: Final = Table(
    "silences",
    metadata,
    Column("id", String(32), primary_key=True),
    Column("matcher", JSON, nullable=False),
    Column("begins_at", BigInteger, nullable=False),
    Column("ends_at", BigInteger, nullable=False, index=True),
    Column("reason", Text, nullable=False),
    Column("made_by", Text, nullable=False),
    Column("ended_by", Text, nullable=True),
)

alert_groups: Final = Table(  # of notifications: alerts that are told together
    "alert_groups",
    metadata,
    Column("key", String(200), primary_key=True),
    Column("opened_at", BigInteger, nullable=False),
    Column("told_at", BigInteger, nullable=True),
)

notifications: Final = Table(  # the outbox: written before anything is sent
    "notifications",
    metadata,
    Column("id", String(32), primary_key=True),
    Column("sink", String(64), nullable=False),
    Column("body", JSON, nullable=False),
    Column("state", String(16), nullable=False),
    Column("made_at", BigInteger, nullable=False),
    Column("tries", Integer, nullable=False),
    Column("next_at", BigInteger, nullable=False),
    Column("ended_at", BigInteger, nullable=True, index=True),
    Column("error", Text, nullable=True),
    Index(None, "state", "sink"),
)
