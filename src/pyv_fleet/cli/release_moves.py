"""`pyv-fleet release promote | yank`: onwards to the next channel, and out of use."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from pyv_fleet.cli.filters import reason_option
from pyv_fleet.cli.output import Column, show_one
from pyv_fleet.cli.session import Session, with_session

if TYPE_CHECKING:
    from pyv_fleet.core.views import YankedView


@click.command()
@click.argument("ref", metavar="VERSION")
@click.option("--from", "source", required=True, metavar="CHANNEL", help="Where it was proved.")
@click.option("--to", "target", required=True, metavar="CHANNEL", help="Where it is rolled out.")
@reason_option
@click.option("--anyway", is_flag=True, help="Also if it was not proved there; stands in the audit log.")
@with_session
def promote(session: Session, ref: str, source: str, target: str, reason: str, anyway: bool) -> None:
    """Roll out on one channel what another one runs whole, after every wave was good there.

    The target's own waves apply: its canary comes first. A release with the values of its channel in it is not carried
    over; the one that was built from the same files for the target is.
    """
    from pyv_fleet.core.views import PromoteBody

    body = PromoteBody(from_=source, to=target, reason=reason, anyway=anyway)
    made = session.client.promote(ref, body)
    show_one(session, made, _ROLLOUT)
    session.say(f"follow it with: pyv-fleet rollout watch {made.id}")


@click.command()
@click.argument("ref", metavar="VERSION")
@reason_option
@click.option("--undo", is_flag=True, help="Allow it again.")
@with_session
def yank(session: Session, ref: str, reason: str, undo: bool) -> None:
    """Withdraw a release: no rollout, pin or promotion begins with it, and those under way pause.

    Devices that run it are not touched. To forbid it to devices themselves, revoke it in the trust document.
    """
    from pyv_fleet.core.views import YankBody

    done = session.client.yank(ref, YankBody(reason=reason, undo=undo))
    show_one(session, done, _YANKED)
    _advise(session, done)


def _advise(session: Session, done: YankedView) -> None:
    if done.release.yanked is None:
        return
    for rollout_id in done.paused:
        session.say(f"rollout {rollout_id} is paused; end it with: pyv-fleet rollout abort {rollout_id} --reason …")
    for channel in done.golden_of:
        session.say(
            f"channel {channel} still orders it; go back with: "
            f"pyv-fleet rollback --to last-good --channel {channel} --reason …"
        )
    if done.pinned:
        session.say(f"pinned to it: {', '.join(done.pinned)}")


_ROLLOUT = (
    Column("rollout", lambda r: r.id),
    Column("channel", lambda r: r.channel),
    Column("version", lambda r: r.version),
    Column("from", lambda r: r.baseline_version),
    Column("state", lambda r: r.state),
    Column("because", lambda r: r.because),
)
_YANKED = (
    Column("version", lambda y: y.release.version),
    Column("digest", lambda y: y.release.digest),
    Column("yanked", lambda y: y.release.yanked is not None),
    Column("by", lambda y: y.release.yanked.by if y.release.yanked else ""),
    Column("reason", lambda y: y.release.yanked.reason if y.release.yanked else ""),
    Column("paused", lambda y: y.paused),
    Column("golden of", lambda y: y.golden_of),
    Column("pinned", lambda y: y.pinned),
    Column("running", lambda y: y.running),
)
