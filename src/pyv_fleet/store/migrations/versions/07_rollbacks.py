"""Rollbacks of a selection, and where each device stood in the end."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "07"
down_revision = "06"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("rollbacks", sa.Column("selector", sa.JSON(), nullable=False, server_default="{}"))
    op.add_column("rollback_acks", sa.Column("standing", sa.String(length=16), nullable=True))
    op.add_column("rollback_acks", sa.Column("cause", sa.Text(), nullable=True))


def downgrade() -> None:
    raise NotImplementedError("a store never goes back: restore the backup that was made before the upgrade")
