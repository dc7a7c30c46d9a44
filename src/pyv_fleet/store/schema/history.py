"""What devices and channels went through; the controller's own lines, thinned in time."""

from __future__ import annotations

from typing import Final

from sqlalchemy import BigInteger, Column, Index, String, Table, Text

from pyv_fleet.store.schema.naming import Sequence, metadata

history: Final = Table(
    "history",
    metadata,
    Column("seq", Sequence, primary_key=True),
    Column("at", BigInteger, nullable=False),
    Column("device_id", String(64), nullable=True),  # one of the two
    Column("channel", String(32), nullable=True),
    Column("what", String(16), nullable=False),
    Column("detail", Text, nullable=False),
    Index("ix_history_device_id_at", "device_id", "at"),
    Index("ix_history_channel_at", "channel", "at"),
    Index("ix_history_at", "at"),
)
