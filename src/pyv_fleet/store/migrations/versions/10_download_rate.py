"""A channel's limit on downloads."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "10"
down_revision = "09"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("channels", sa.Column("download_bytes_per_second", sa.Integer(), nullable=False, server_default="0"))


def downgrade() -> None:
    raise NotImplementedError("a store never goes back: restore the backup that was made before the upgrade")
