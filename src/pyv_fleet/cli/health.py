"""`pyv-fleet health` and `pyv-fleet attention`."""

from __future__ import annotations

import click

from pyv_fleet.cli.output import Column, show_list, show_one
from pyv_fleet.cli.session import Session, with_session


@click.command()
@click.option("--max-queue-depth", type=click.IntRange(0), default=5000, show_default=True)
@click.option("--max-cpu", type=click.FloatRange(0, 100), default=90.0, show_default=True)
@with_session
def health(session: Session, max_queue_depth: int, max_cpu: float) -> None:
    """How the fleet is: the article's FleetSnapshot, and who needs attention."""
    show_one(session, session.client.snapshot(), _FIGURES)
    if session.format == "table":
        click.echo()
        found = session.client.attention(max_queue_depth=max_queue_depth, max_cpu=max_cpu)
        if not found:
            click.echo("no device needs attention")
        for one in found:
            click.echo(f"{one.device_id}: {'; '.join(one.causes)}")


@click.command()
@click.option("--max-queue-depth", type=click.IntRange(0), default=5000, show_default=True)
@click.option("--max-cpu", type=click.FloatRange(0, 100), default=90.0, show_default=True)
@with_session
def attention(session: Session, max_queue_depth: int, max_cpu: float) -> None:
    """Devices that need a person, and why."""
    found = session.client.attention(max_queue_depth=max_queue_depth, max_cpu=max_cpu)
    show_list(
        session, found, (Column("device", lambda a: a.device_id), Column("causes", lambda a: "; ".join(a.causes)))
    )


_FIGURES = (
    Column("devices", lambda s: s.total_devices),
    Column("healthy", lambda s: s.healthy_count),
    Column("unhealthy", lambda s: s.unhealthy_count),
    Column("unreachable", lambda s: s.unreachable_count),
    Column("average CPU %", lambda s: s.avg_cpu),
    Column("average disk %", lambda s: s.avg_disk),
    Column("deepest queue", lambda s: s.max_queue_depth),
)
