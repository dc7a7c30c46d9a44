"""Rollouts have names, so that a file can say which one it means."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "08"
down_revision = "04"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("rollouts", sa.Column("name", sa.String(length=64), nullable=True))
    op.create_index(op.f("ix_rollouts_name"), "rollouts", ["name"], unique=True)


def downgrade() -> None:
    raise NotImplementedError("a store never goes back: restore the backup that was made before the upgrade")
