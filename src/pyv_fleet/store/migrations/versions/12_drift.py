"""When a device that lags is late, by channel; what groups say about drift."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "12"
down_revision = "10"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("channels", sa.Column("overdue_seconds", sa.Integer(), nullable=False, server_default="900"))
    op.add_column("devices", sa.Column("drift_terms", sa.JSON(), nullable=True))


def downgrade() -> None:
    raise NotImplementedError("a store never goes back: restore the backup that was made before the upgrade")
