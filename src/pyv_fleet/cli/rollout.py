"""`pyv-fleet rollout`: move a channel to a release, wave by wave, and say why it stopped."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

import click

from pyv_fleet.cli.filters import reason_option
from pyv_fleet.cli.output import Column, show_list, show_one
from pyv_fleet.cli.progress import Progress, follow
from pyv_fleet.cli.session import Exit, Session, with_session
from pyv_fleet.core.words import RolloutState, WaveState

if TYPE_CHECKING:
    from pyv_fleet.core.views import Budgets, RolloutView, WaveView

ENDS = {
    RolloutState.COMPLETED: Exit.OK,
    RolloutState.REVERTED: Exit.ROLLOUT_FAILED,
    RolloutState.PAUSED: Exit.PARTLY_FAILED,
    RolloutState.ABORTED: Exit.PARTLY_FAILED,
    RolloutState.SUPERSEDED: Exit.CONFLICT,
}
"""With what the command ends when the rollout rests: back everywhere 7, a part of the devices has it 9, another order
took its place 6."""
wait_options = click.option(
    "--timeout", type=click.FloatRange(0), default=3600.0, show_default=True, help="Seconds to wait."
)


@click.group()
def group() -> None:
    """Move a channel to a release, wave by wave."""


def _budget(name: str, what: str) -> Callable[[Any], Any]:
    return click.option(
        f"--budget-{name}",
        type=click.FloatRange(0, 100),
        help=f"Percent of a wave's devices that may {what} before it goes back; rounded down to whole devices.",
    )


@group.command()
@click.option("--channel", required=True)
@click.option("--release", required=True, help="Version or digest.")
@click.option("--wave", "waves", multiple=True, help="1%, 20, kind=real, kind=real:1 (repeat); else the policy's.")
@click.option("--soak", type=click.IntRange(0), help="Seconds a wave must stay good.")
@click.option("--deadline", type=click.IntRange(1), help="Seconds a wave may take.")
@click.option("--spread", type=click.IntRange(0), help="Devices begin within so many seconds.")
@_budget("failed", "refuse it or fail to take it")
@_budget("reverted", "go back by themselves")
@_budget("unhealthy", "become unhealthy under it")
@_budget("lost", "fall silent")
@click.option("--baseline", help="Version or digest that the others stay on and that it goes back to; else the golden.")
@click.option("--supersede", is_flag=True, help="Take the place of a rollout that has not ended; else that is refused.")
@reason_option
@click.option("--wait/--no-wait", default=True, show_default=True, help="Follow it to its end.")
@wait_options
@with_session
def create(
    session: Session,
    channel: str,
    release: str,
    waves: tuple[str, ...],
    soak: int | None,
    deadline: int | None,
    spread: int | None,
    baseline: str | None,
    supersede: bool,
    reason: str,
    wait: bool,
    timeout: float,
    **budgets: float | None,
) -> None:
    """Start a rollout, and follow it to its end.

    Exits 0 when it completed; 7 when it went back to the baseline; 9 when it was paused, or aborted with --stay: a part
    of the devices has the release; 6 when another rollout or a rollback took its place; 8 when it has not ended in
    time (it goes on).
    """
    from pyv_fleet.core.views import RolloutSpec

    spec = RolloutSpec(
        channel=channel,
        release=release,
        waves=waves or None,
        soak_seconds=soak,
        deadline_seconds=deadline,
        spread_seconds=spread,
        budgets=_budgets(budgets),
        baseline=baseline,
        supersede=supersede,
        reason=reason,
    )
    made = session.client.create_rollout(spec)
    session.say(f"rollout {made.id}: {channel} to {made.version}")
    if wait:
        _follow(session, made.id, timeout)
    else:
        show_one(session, made, _FIELDS)


@group.command()
@click.argument("rollout_id", required=False)
@wait_options
@with_session
def watch(session: Session, rollout_id: str | None, timeout: float) -> None:
    """Follow a rollout, the newest if none is named.

    Exits as `rollout create` does: 0 completed, 7 went back, 9 paused or aborted with --stay, 6 superseded, 8 has not
    ended in time.
    """
    _follow(session, rollout_id or _newest(session), timeout)


@group.command("list")
@click.option("--limit", type=click.IntRange(1), default=20, show_default=True)
@with_session
def list_(session: Session, limit: int) -> None:
    """Rollouts, the newest first."""
    show_list(session, list(itertools.islice(session.client.rollouts(), limit)), _COLUMNS, paged=True)


@group.command()
@click.argument("rollout_id", required=False)
@with_session
def show(session: Session, rollout_id: str | None) -> None:
    """One rollout, the newest if none is named, with its waves."""
    found = session.client.rollout(rollout_id or _newest(session))
    show_one(session, found, _FIELDS)
    if session.format == "table":
        click.echo()
        show_list(session, found.waves, _WAVE_COLUMNS)


@group.command()
@click.argument("rollout_id")
@reason_option
@with_session
def pause(session: Session, rollout_id: str, reason: str) -> None:
    """Hold it where it is."""
    _move(session, rollout_id, "pause", reason)


@group.command()
@click.argument("rollout_id")
@reason_option
@with_session
def resume(session: Session, rollout_id: str, reason: str) -> None:
    """Go on from a pause."""
    _move(session, rollout_id, "resume", reason)


@group.command()
@click.argument("rollout_id")
@reason_option
@click.option("--stay", is_flag=True, help="Leave devices where they are; else they go back.")
@with_session
def abort(session: Session, rollout_id: str, reason: str, stay: bool) -> None:
    """End it: devices go back to the baseline, or stay."""
    _move(session, rollout_id, "abort", reason, stay=stay)


def _move(session: Session, rollout_id: str, move: str, reason: str, *, stay: bool = False) -> None:
    from pyv_fleet.core.views import RolloutVerb

    show_one(session, session.client.move_rollout(rollout_id, move, RolloutVerb(reason=reason, stay=stay)), _FIELDS)


def _budgets(percents: Mapping[str, float | None]) -> Budgets | None:
    """None if none is said: then the policy's hold."""
    from pyv_fleet.core.views import Budgets

    said = {
        f"{name.removeprefix('budget_')}_permyriad": round(percent * 100)
        for name, percent in percents.items()
        if percent is not None
    }
    return Budgets(**said) if said else None


def _newest(session: Session) -> str:
    from pyv_fleet.client import NotFound

    found = next(iter(session.client.rollouts()), None)
    if found is None:
        raise NotFound("there is no rollout yet")
    return found.id


def _follow(session: Session, rollout_id: str, timeout: float) -> None:
    with Progress() as progress:
        ended = follow(
            lambda: session.client.rollout(rollout_id),
            lambda seen: seen.state in ENDS,
            lambda seen: progress.show(*_line(seen)),
            timeout,
        )
    seen = ended or session.client.rollout(rollout_id)
    show_one(session, seen, _FIELDS)
    session.say(f"{seen.state}: {seen.because}")
    if ended is None:
        session.say(f"it goes on; follow it with: pyv-fleet rollout watch {rollout_id}")
        session.leave(Exit.TIMED_OUT)
    if seen.state is RolloutState.PAUSED:
        session.say(f"it holds; go on with: pyv-fleet rollout resume {rollout_id} --reason …")
    session.leave(ENDS[seen.state])


def _line(seen: RolloutView) -> tuple[str, int, int]:
    if not seen.waves:
        return str(seen.state), 0, 1
    wave = seen.waves[min(seen.wave, len(seen.waves) - 1)]
    before = sum(one.devices for one in seen.waves if one.state is WaveState.JUDGED and one is not wave)
    last = max(max(one.devices for one in seen.waves), 1)
    return (
        f"{seen.state}: wave {wave.index + 1} of {len(seen.waves)} ({wave.cohort}): {_wave_said(wave)}",
        max(before, wave.committed),
        last,
    )


def _wave_said(wave: WaveView) -> str:
    if wave.state is WaveState.PENDING:
        return "not begun"
    if not wave.devices:
        return "its devices are being told"
    parts = [f"{wave.committed} of {wave.devices} committed"]
    for word in ("failed", "reverted", "unhealthy", "lost", "deferred"):
        count = getattr(wave, word)
        if count:
            parts.append(f"{count} {word}")
    return ", ".join(parts)


_COLUMNS = (
    Column("rollout", lambda r: r.id),
    Column("channel", lambda r: r.channel),
    Column("version", lambda r: r.version),
    Column("from", lambda r: r.baseline_version),
    Column("state", lambda r: r.state),
    Column("wave", lambda r: f"{min(r.wave + 1, len(r.waves))}/{len(r.waves)}"),
    Column("because", lambda r: r.because),
)
_FIELDS = (
    *_COLUMNS,
    Column("reason", lambda r: r.reason),
    Column("by", lambda r: r.created_by),
    Column("began", lambda r: r.created_at),
    Column("ended", lambda r: r.ended_at),
)
_WAVE_COLUMNS = (
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
    Column("verdict", lambda w: w.verdict),
    Column("because", lambda w: w.because),
)
