"""Where a release comes from, and that it was withdrawn."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "03"
down_revision = "02"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("releases", sa.Column("provenance", sa.LargeBinary(), nullable=True))
    op.add_column("releases", sa.Column("yanked_at", sa.BigInteger(), nullable=True))
    op.add_column("releases", sa.Column("yanked_by", sa.Text(), nullable=True))
    op.add_column("releases", sa.Column("yanked_reason", sa.Text(), nullable=True))


def downgrade() -> None:
    raise NotImplementedError("a store never goes back: restore the backup that was made before the upgrade")
