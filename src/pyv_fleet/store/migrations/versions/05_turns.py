"""Turns: how many devices of a channel at once, who has one, and since when who waits for it."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "05"
down_revision = "11"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("channels", sa.Column("herd", sa.JSON(none_as_null=True), nullable=True))
    op.add_column("devices", sa.Column("turn", sa.JSON(none_as_null=True), nullable=True))
    op.add_column("devices", sa.Column("holds_turn", sa.Boolean(), nullable=False, server_default=sa.false()))
    op.create_index("ix_devices_holds_turn", "devices", ["holds_turn"])
    op.add_column("device_status", sa.Column("waiting_since", sa.BigInteger(), nullable=True))
    op.add_column("device_status", sa.Column("caps", sa.JSON(none_as_null=True), nullable=True))


def downgrade() -> None:
    raise NotImplementedError("a store never goes back: restore the backup that was made before the upgrade")
