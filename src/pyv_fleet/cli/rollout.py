"""`pyv-fleet rollout`: move a channel to a release, wave by wave, and say why it stopped."""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING, Any, Final

import click

from pyv_fleet.cli.filters import reason_option
from pyv_fleet.cli.output import Column, show_list, show_one
from pyv_fleet.cli.rollout_follow import FIELDS, follow_rollout
from pyv_fleet.cli.rollout_spec import spec_of, spec_options
from pyv_fleet.cli.session import Session, with_session
from pyv_fleet.core.words import MemberStanding, RolloutAct

if TYPE_CHECKING:
    from pyv_fleet.core.views import PlanView, RolloutView

wait_options = click.option(
    "--timeout", type=click.FloatRange(0), default=3600.0, show_default=True, help="Seconds to wait."
)


@click.group()
def group() -> None:
    """Move a channel to a release, wave by wave."""


@group.command()
@spec_options
@click.option("--reason", default="plan", show_default=True)
@click.option("--devices", is_flag=True, help="Name every device of each wave.")
@with_session
def plan(session: Session, devices: bool, **said: Any) -> None:
    """What a rollout would do now, and nothing done: waves, differences, what speaks against it, a digest.

    `rollout create --plan DIGEST` refuses if the fleet or the release changed since.
    """
    found = session.client.plan_rollout(spec_of(said))
    show_one(session, found, _PLAN_FIELDS)
    if session.format == "table":
        _show_plan(session, found, devices)
    session.say(f"do it with: pyv-fleet rollout create … --plan {found.digest} --reason …")


@group.command()
@spec_options
@click.option(
    "--plan", help="Digest of the plan that was looked at: refused if the fleet or the release changed since."
)
@click.option("--name", help="By which it is found again; unique in the fleet.")
@reason_option
@click.option("--wait/--no-wait", default=True, show_default=True, help="Follow it to its end.")
@wait_options
@with_session
def create(session: Session, wait: bool, timeout: float, **said: Any) -> None:
    """Start a rollout, and follow it to its end.

    Exits 0 when it completed; 7 when it went back to the baseline; 9 when it was paused, or aborted with --stay: a part
    of the devices has the release; 6 when another rollout or a rollback took its place; 8 when it has not ended in
    time (it goes on).
    """
    made = session.client.create_rollout(spec_of(said))
    session.say(f"rollout {made.id}: {made.channel} to {made.version}")
    if wait and not said["hold"]:
        follow_rollout(session, made.id, timeout)
    else:
        show_one(session, made, FIELDS)


@group.command()
@click.argument("rollout_id", required=False)
@wait_options
@with_session
def watch(session: Session, rollout_id: str | None, timeout: float) -> None:
    """Follow a rollout, the newest if none is named; `-o jsonl` writes a line for each change.

    Exits as `rollout create` does: 0 completed, 7 went back, 9 paused or aborted with --stay, 6 superseded, 8 has not
    ended in time.
    """
    follow_rollout(session, rollout_id or _newest(session), timeout)


@group.command()
@click.argument("rollout_id", required=False)
@click.option(
    "--timeout", type=click.FloatRange(0), default=0.0, show_default=True, help="Seconds to wait for its end."
)
@with_session
def status(session: Session, rollout_id: str | None, timeout: float) -> None:
    """Where a rollout stands, by exit code: as `rollout watch`, and 8 while it is under way."""
    follow_rollout(session, rollout_id or _newest(session), timeout)


@group.command("list")
@click.option("--limit", type=click.IntRange(1), default=20, show_default=True)
@with_session
def list_(session: Session, limit: int) -> None:
    """Rollouts, the newest first."""
    show_list(session, list(itertools.islice(session.client.rollouts(), limit)), FIELDS[:8], paged=True)


@group.command()
@click.argument("rollout_id", required=False)
@with_session
def show(session: Session, rollout_id: str | None) -> None:
    """One rollout, the newest if none is named, with its waves."""
    found = session.client.rollout(rollout_id or _newest(session))
    show_one(session, found, FIELDS)
    if session.format == "table":
        click.echo()
        show_list(session, found.waves, _WAVE_COLUMNS)
        _show_measures(session, found)


@group.command()
@click.argument("rollout_id", required=False)
@click.option("--wave", type=click.IntRange(1), help="Counted from 1; else the last that was opened.")
@click.option(
    "--standing", type=click.Choice([word.value for word in MemberStanding]), help="Only those that stand so."
)
@click.option("--limit", type=click.IntRange(1), default=100, show_default=True)
@with_session
def devices(session: Session, rollout_id: str | None, wave: int | None, standing: str | None, limit: int) -> None:
    """By which devices a wave is judged, and where each stands: now, or as it was judged."""
    found = session.client.rollout_devices(rollout_id or _newest(session), wave, standing)
    show_list(session, list(itertools.islice(found, limit)), _MEMBERS)


@group.command()
@click.argument("rollout_id")
@reason_option
@with_session
def start(session: Session, rollout_id: str, reason: str) -> None:
    """Let one begin that was made with --hold."""
    _act(session, rollout_id, RolloutAct.START, reason)


@group.command()
@click.argument("rollout_id")
@reason_option
@with_session
def approve(session: Session, rollout_id: str, reason: str) -> None:
    """Let it go on to the wave that is next; where its policy asks for other people, never by its maker."""
    _act(session, rollout_id, RolloutAct.APPROVE, reason)


@group.command()
@click.argument("rollout_id")
@reason_option
@with_session
def pause(session: Session, rollout_id: str, reason: str) -> None:
    """Hold it where it is, at once: who has the release keeps it, nobody else takes it."""
    _act(session, rollout_id, RolloutAct.PAUSE, reason)


@group.command()
@click.argument("rollout_id")
@reason_option
@with_session
def resume(session: Session, rollout_id: str, reason: str) -> None:
    """Go on from a pause."""
    _act(session, rollout_id, RolloutAct.RESUME, reason)


@group.command()
@click.argument("rollout_id")
@click.option("--wave", type=click.IntRange(1), help="Of this wave, counted from 1; refused if another is under way.")
@reason_option
@with_session
def promote(session: Session, rollout_id: str, wave: int | None, reason: str) -> None:
    """Go on without waiting for this wave's verdict; that never stands for a canary."""
    _act(session, rollout_id, RolloutAct.PROMOTE, reason, wave=wave)


@group.command()
@click.argument("what", type=click.Choice(["failed"]))
@click.argument("rollout_id")
@reason_option
@with_session
def retry(session: Session, what: str, rollout_id: str, reason: str) -> None:
    """Let the devices that failed try again: `rollout retry failed ID`."""
    _act(session, rollout_id, RolloutAct.RETRY, reason)


@group.command()
@click.argument("rollout_id")
@click.argument("device_ids", nargs=-1, required=True)
@reason_option
@with_session
def skip(session: Session, rollout_id: str, device_ids: tuple[str, ...], reason: str) -> None:
    """Take devices out of the judgement; they keep what they have."""
    _act(session, rollout_id, RolloutAct.SKIP, reason, device_ids=device_ids)


@group.command()
@click.argument("rollout_id")
@reason_option
@click.option("--stay/--revert", default=None, help="Leave devices where they are, or take them back; else as made.")
@with_session
def abort(session: Session, rollout_id: str, reason: str, stay: bool | None) -> None:
    """End it: devices go back to the baseline, or stay."""
    _act(session, rollout_id, RolloutAct.ABORT, reason, stay=stay)


@group.command()
@click.argument("rollout_id")
@reason_option
@click.option("--timeout", type=click.FloatRange(0), default=120.0, show_default=True, help="Seconds to wait.")
@with_session
def undo(session: Session, rollout_id: str, reason: str, timeout: float) -> None:
    """Take back a rollout that has ended: a rollback to what its channel ran before; ends as `rollback` does."""
    from pyv_fleet.cli.rollback import follow_rollback
    from pyv_fleet.core.views import RolloutVerb

    begun = session.client.undo_rollout(rollout_id, RolloutVerb(reason=reason))
    session.say(f"rollback {begun.id}: back to {begun.to_version}")
    follow_rollback(session, begun, timeout, None)


def _act(session: Session, rollout_id: str, act: RolloutAct, reason: str, **more: Any) -> None:
    from pyv_fleet.core.views import RolloutVerb

    show_one(session, session.client.move_rollout(rollout_id, act, RolloutVerb(reason=reason, **more)), FIELDS)


def _newest(session: Session) -> str:
    from pyv_fleet.client import NotFound

    found = next(iter(session.client.rollouts()), None)
    if found is None:
        raise NotFound("there is no rollout yet")
    return found.id


def _show_measures(session: Session, found: RolloutView) -> None:
    rows = [(wave.index + 1, one) for wave in found.waves if wave.analysis for one in wave.analysis.measures]
    if rows:
        click.echo()
        show_list(session, rows, _MEASURES)


def _show_plan(session: Session, found: PlanView, every_device: bool) -> None:
    for rows, columns in (
        (found.waves, (*_PLAN_WAVES, Column("which", lambda w: w.device_ids)) if every_device else _PLAN_WAVES),
        (found.checks, _CHECKS),
        (found.diffs, _DIFFS),
    ):
        click.echo()
        show_list(session, rows, columns)


_WAVE_COLUMNS: Final = (
    Column("wave", lambda w: w.index + 1),
    Column("cohort", lambda w: w.cohort),
    Column("state", lambda w: w.state),
    Column("devices", lambda w: w.devices),
    Column("committed", lambda w: w.committed),
    Column("failed", lambda w: w.failed),
    Column("reverted", lambda w: w.reverted),
    Column("unhealthy", lambda w: w.unhealthy),
    Column("lost", lambda w: w.lost),
    Column("deferred", lambda w: w.deferred),
    Column("waiting", lambda w: w.waiting + w.retrying),
    Column("verdict", lambda w: w.verdict),
    Column("because", lambda w: w.because),
)
_MEMBERS: Final = (
    Column("device", lambda one: one.device_id),
    Column("standing", lambda one: one.standing),
    Column("seen", lambda one: one.said),
)
_MEASURES: Final = (
    Column("wave", lambda row: row[0]),
    Column("measure", lambda row: row[1].measure),
    Column("decides", lambda row: row[1].decides),
    Column("verdict", lambda row: row[1].verdict),
    Column("seen", lambda row: row[1].said),
)
_PLAN_FIELDS: Final = (
    Column("digest", lambda p: p.digest),
    Column("channel", lambda p: p.channel),
    Column("version", lambda p: p.version),
    Column("from", lambda p: p.baseline_version),
    Column("devices", lambda p: p.devices),
    Column("approvals", lambda p: p.approvals),
    Column("may finish", lambda p: p.finish_at),
    Column("bytes", lambda p: p.download_bytes),
)
_PLAN_WAVES: Final = (
    Column("cohort", lambda w: w.cohort),
    Column("devices", lambda w: w.devices),
    Column("new", lambda w: w.new),
    Column("online", lambda w: w.online),
    Column("soak (s)", lambda w: w.soak_seconds),
    Column("approve", lambda w: w.approve),
    Column("may go wrong", lambda w: w.allowed),
)
_CHECKS: Final = (
    Column("check", lambda c: c.name),
    Column("in order", lambda c: c.good),
    Column("seen", lambda c: c.detail),
)
_DIFFS: Final = (
    Column("devices", lambda d: d.devices),
    Column("now on", lambda d: d.before),
    Column("changes", lambda d: [f"{pointer}: {before} → {after}" for pointer, before, after in d.changes]),
    Column("bundle", lambda d: d.bundle),
    Column("among them", lambda d: d.device_ids[:3]),
)
