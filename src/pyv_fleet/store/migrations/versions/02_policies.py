"""policies; a channel's policy, freezes and hold-outs; a rollout's waves with terms of their own"""

from __future__ import annotations

import json

import sqlalchemy as sa
from alembic import op

revision = "02"
down_revision = "01"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "policies",
        sa.Column("name", sa.String(length=64), nullable=False),
        sa.Column("terms", sa.JSON(), nullable=False),
        sa.Column("changed_by", sa.Text(), nullable=False),
        sa.Column("changed_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_policies")),
    )
    op.add_column("channels", sa.Column("policy", sa.String(length=64), nullable=True))
    op.add_column("channels", sa.Column("freezes", sa.JSON(), nullable=False, server_default="[]"))
    op.add_column("channels", sa.Column("hold_outs", sa.JSON(), nullable=False, server_default="[]"))
    op.add_column("waves", sa.Column("idle", sa.Boolean(), nullable=False, server_default=sa.false()))
    op.add_column("waves", sa.Column("counted_from", sa.BigInteger(), nullable=True))
    op.add_column("wave_members", sa.Column("boot", sa.BigInteger(), nullable=True))
    op.add_column("wave_members", sa.Column("boot_id", sa.Text(), nullable=True))
    _lengthen_waves()


def downgrade() -> None:
    raise NotImplementedError("a store never goes back: restore the backup that was made before the upgrade")


def _lengthen_waves() -> None:
    """A wave was its cohort alone; now it has its soak time beside it."""
    rollouts = sa.table("rollouts", sa.column("id"), sa.column("machine", sa.Text()))
    connection = op.get_bind()
    for rollout_id, text in connection.execute(sa.select(rollouts.c.id, rollouts.c.machine)).all():
        machine = json.loads(text)
        plan = machine["plan"]
        soak = plan.pop("soak_seconds")
        plan["waves"] = [{"cohort": cohort, "soak_seconds": soak} for cohort in plan["waves"]]
        machine["attempt"] = plan["attempt"]
        machine["opened"] = machine["wave"] + 1
        changed = rollouts.update().where(rollouts.c.id == rollout_id).values(machine=json.dumps(machine))
        connection.execute(changed)
