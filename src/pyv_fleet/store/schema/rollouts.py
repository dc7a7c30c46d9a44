"""Rollouts and rollbacks."""

from __future__ import annotations

from typing import Final

from sqlalchemy import JSON, BigInteger, Boolean, Column, ForeignKey, Index, Integer, String, Table, Text, false

from pyv_fleet.store.schema.naming import metadata

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
    Column("name", String(64), nullable=True),  # by which it is found again; none = it has none, or let go of it
    Index(None, "name", unique=True),
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
    Column("analysis", JSON(none_as_null=True), nullable=True),  # core/views/analysis.py's AnalysisView, whole
    Column("idle", Boolean, nullable=False, server_default=false()),  # all it waits for wait for their window
    Column("counted_from", BigInteger, nullable=True),  # its deadline counts from here, once it was idle
)

wave_members: Final = Table(  # frozen when the wave starts; a late joiner is not judged
    "wave_members",
    metadata,
    Column("rollout_id", ForeignKey("rollouts.id", ondelete="CASCADE"), primary_key=True),
    Column("wave", Integer, primary_key=True),
    Column("device_id", String(64), primary_key=True),
    Column("online", Boolean, nullable=False),  # at the start of the wave
    Column("outcome", String(16), nullable=True),
    Column("boot", BigInteger, nullable=True),  # its start counter and boot id when the wave began
    Column("boot_id", Text, nullable=True),
    Index(None, "device_id"),
)

compared_devices: Final = Table(  # well and heard when the first wave began, and how they were
    "compared_devices",
    metadata,
    Column("rollout_id", ForeignKey("rollouts.id", ondelete="CASCADE"), primary_key=True),
    Column("device_id", String(64), primary_key=True),
    Column("figures", JSON, nullable=False),
    Column("totals", JSON, nullable=False),
)

rollbacks: Final = Table(
    "rollbacks",
    metadata,
    Column("id", String(32), primary_key=True),
    Column("to_version", String(64), nullable=False),
    Column("targets", JSON, nullable=False),  # {channel: {release, attempt, epoch, generation, …}}
    Column("reason", Text, nullable=False),
    Column("created_by", Text, nullable=False),
    Column("started_at", BigInteger, nullable=False, index=True),
    Column("done_at", BigInteger, nullable=True),
    Column("selector", JSON, nullable=False, server_default="{}"),  # {label: [values]}; empty = whole channels
)

rollback_acks: Final = Table(  # one row a device that the rollback touches, made when it starts
    "rollback_acks",
    metadata,
    Column("rollback_id", ForeignKey("rollbacks.id", ondelete="CASCADE"), primary_key=True),
    Column("device_id", String(64), primary_key=True),
    Column("channel", String(32), nullable=False),
    Column("online", Boolean, nullable=False),  # when the rollback started
    Column("acknowledged_at", BigInteger, nullable=True),
    Column("standing", String(16), nullable=True),  # where it stood when the rollback ended, or that it never followed
    Column("cause", Text, nullable=True),
    Index(None, "device_id"),
)
