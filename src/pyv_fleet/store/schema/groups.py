"""Groups, and who is in them."""

from __future__ import annotations

from typing import Final

from sqlalchemy import JSON, BigInteger, Boolean, Column, ForeignKey, Index, String, Table, Text

from pyv_fleet.store.schema.naming import metadata

groups: Final = Table(
    "groups",
    metadata,
    Column("name", String(32), primary_key=True),
    Column("spec", JSON, nullable=False),
    Column("state", String(16), nullable=False, index=True),
    Column("because", Text, nullable=False),
    Column("leaving", Boolean, nullable=False),
    Column("revision", BigInteger, nullable=False),  # of values and priority
    Column("labels_revision", BigInteger, nullable=False),
    Column(
        "settled", JSON, nullable=False
    ),  # {revision, priority, values}: what all members had before the last change
    Column("back", Boolean, nullable=False),  # it goes back to what was settled: at once
    Column("reason", Text, nullable=False),
    Column("changed_by", Text, nullable=False),
    Column("changed_at", BigInteger, nullable=False),
)

group_members: Final = Table(
    "group_members",
    metadata,
    Column("group_name", ForeignKey("groups.name", ondelete="CASCADE"), primary_key=True),
    Column("device_id", ForeignKey("devices.device_id", ondelete="CASCADE"), primary_key=True),
    Column("member", Boolean, nullable=False),  # false = it leaves, and has the values still
    Column("revision", BigInteger, nullable=False),  # of the values that it was given; 0 = none
    Column("labels_revision", BigInteger, nullable=False),
    # in the steps under way
    Column("given_at", BigInteger, nullable=True),
    Column("good_at", BigInteger, nullable=True),
    Column("online", Boolean, nullable=False),  # when it was given them
    Column("excused", Boolean, nullable=False),  # a person said to go on without it
    Index(None, "device_id"),
)
