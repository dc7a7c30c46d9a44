"""Groups, and what labels and overlay of a device are made of."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "04"
down_revision = "07"
branch_labels = None
depends_on = None


def upgrade() -> None:
    for name in ("own_labels", "own_overlay", "layers"):
        op.add_column("devices", sa.Column(name, sa.JSON(), nullable=True))
    op.create_table(
        "groups",
        sa.Column("name", sa.String(length=32), nullable=False),
        sa.Column("spec", sa.JSON(), nullable=False),
        sa.Column("state", sa.String(length=16), nullable=False),
        sa.Column("because", sa.Text(), nullable=False),
        sa.Column("leaving", sa.Boolean(), nullable=False),
        sa.Column("revision", sa.BigInteger(), nullable=False),
        sa.Column("labels_revision", sa.BigInteger(), nullable=False),
        sa.Column("settled", sa.JSON(), nullable=False),
        sa.Column("back", sa.Boolean(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("changed_by", sa.Text(), nullable=False),
        sa.Column("changed_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_groups")),
    )
    op.create_index(op.f("ix_groups_state"), "groups", ["state"], unique=False)
    op.create_table(
        "group_members",
        sa.Column("group_name", sa.String(length=32), nullable=False),
        sa.Column("device_id", sa.String(length=64), nullable=False),
        sa.Column("member", sa.Boolean(), nullable=False),
        sa.Column("revision", sa.BigInteger(), nullable=False),
        sa.Column("labels_revision", sa.BigInteger(), nullable=False),
        sa.Column("given_at", sa.BigInteger(), nullable=True),
        sa.Column("good_at", sa.BigInteger(), nullable=True),
        sa.Column("online", sa.Boolean(), nullable=False),
        sa.Column("excused", sa.Boolean(), nullable=False),
        sa.ForeignKeyConstraint(
            ["device_id"], ["devices.device_id"], name=op.f("fk_group_members_device_id"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(
            ["group_name"], ["groups.name"], name=op.f("fk_group_members_group_name"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("group_name", "device_id", name=op.f("pk_group_members")),
    )
    op.create_index(op.f("ix_group_members_device_id"), "group_members", ["device_id"], unique=False)
