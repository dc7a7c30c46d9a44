"""what a rollout's analysis compares: devices as they were before; a wave's analysis"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "06"
down_revision = "03"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "compared_devices",
        sa.Column("rollout_id", sa.String(length=32), nullable=False),
        sa.Column("device_id", sa.String(length=64), nullable=False),
        sa.Column("figures", sa.JSON(), nullable=False),
        sa.Column("totals", sa.JSON(), nullable=False),
        sa.ForeignKeyConstraint(
            ["rollout_id"], ["rollouts.id"], name=op.f("fk_compared_devices_rollout_id_rollouts"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("rollout_id", "device_id", name=op.f("pk_compared_devices")),
    )
    op.add_column("waves", sa.Column("analysis", sa.JSON(none_as_null=True), nullable=True))


def downgrade() -> None:
    raise NotImplementedError("a store never goes back: restore the backup that was made before the upgrade")
