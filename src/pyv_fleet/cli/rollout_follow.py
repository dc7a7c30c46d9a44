"""Following a rollout: a bar a wave on a terminal, a line a change in a pipe, an event a line with `-o jsonl`."""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING, Any, Final

import click

from pyv_fleet.cli.output import Column, show_one
from pyv_fleet.cli.progress import Progress, follow
from pyv_fleet.cli.session import Exit, Session
from pyv_fleet.core.words import RolloutState, WaveState

if TYPE_CHECKING:
    from pyv_fleet.core.views import RolloutView, WaveView

ENDS: Final = {
    RolloutState.COMPLETED: Exit.OK,
    RolloutState.REVERTED: Exit.ROLLOUT_FAILED,
    RolloutState.PAUSED: Exit.PARTLY_FAILED,
    RolloutState.ABORTED: Exit.PARTLY_FAILED,
    RolloutState.SUPERSEDED: Exit.CONFLICT,
}
"""With what the command ends when the rollout rests: back everywhere 7, a part of the devices has it 9, another order
took its place 6."""

FIELDS: Final = (
    Column("rollout", lambda r: r.id),
    Column("name", lambda r: r.name),
    Column("channel", lambda r: r.channel),
    Column("version", lambda r: r.version),
    Column("from", lambda r: r.baseline_version),
    Column("state", lambda r: r.state),
    Column("wave", lambda r: f"{min(r.wave + 1, len(r.waves))}/{len(r.waves)}"),
    Column("because", lambda r: r.because),
    Column("compared", lambda r: compared(r)),
    Column("reason", lambda r: r.reason),
    Column("by", lambda r: r.created_by),
    Column("began", lambda r: r.created_at),
    Column("ended", lambda r: r.ended_at),
    Column("may finish", lambda r: r.finish_at),
    Column("approvals", lambda r: f"{r.approvals_needed} missing" if r.approvals_needed else "none missing"),
    Column("can be done", lambda r: r.moves),
)


def follow_rollout(session: Session, rollout_id: str, timeout: float) -> None:
    """Watch it until it rests or the time is over, then leave with what that means."""
    events, sentences = _Events(session), _Sentences()
    with Progress() as progress:

        def show(seen: RolloutView) -> None:
            events.tell(seen)
            for sentence in sentences.new(seen):
                progress.say(sentence)
            progress.show(*line_of(seen))

        ended = follow(
            lambda: session.client.rollout(rollout_id),
            lambda seen: seen.state in ENDS,
            show,
            timeout,
        )
    seen = ended or session.client.rollout(rollout_id)
    if not events.wanted:
        show_one(session, seen, FIELDS)
    session.say(f"{seen.state}: {seen.because}")
    if ended is None:
        session.say(f"it goes on; follow it with: pyv-fleet rollout watch {rollout_id}")
        session.leave(Exit.TIMED_OUT)
    if seen.state is RolloutState.PAUSED:
        session.say(f"it holds; go on with: pyv-fleet rollout resume {rollout_id} --reason …")
    session.leave(ENDS[seen.state])


def line_of(seen: RolloutView) -> tuple[str, int, int]:
    """What is said of it now, how many devices have it, and of how many."""
    if not seen.waves:
        return str(seen.state), 0, 1
    wave = seen.waves[min(seen.wave, len(seen.waves) - 1)]
    before = sum(one.devices for one in seen.waves if one.state is WaveState.JUDGED and one is not wave)
    last = max(max(one.devices for one in seen.waves), 1)
    said = f"{seen.state}: wave {wave.index + 1} of {len(seen.waves)} ({wave.cohort}): {_wave_said(wave)}"
    if seen.state is RolloutState.WAITING:
        said = f"{seen.state}: {seen.because}"
    return said, max(before, wave.committed), last


def compared(seen: RolloutView) -> tuple[str, ...]:
    """What the canary analysis said of each wave that was begun, a sentence a wave."""
    return tuple(f"wave {one.index + 1}: {one.analysis.said}" for one in seen.waves if one.analysis is not None)


def _wave_said(wave: WaveView) -> str:
    if wave.state is WaveState.PENDING:
        return "not begun"
    if not wave.devices:
        return "its devices are being told"
    parts = [f"{wave.committed} of {wave.devices} committed"]
    for word in ("failed", "reverted", "unhealthy", "lost", "deferred", "waiting", "retrying", "skipped"):
        count = getattr(wave, word)
        if count:
            parts.append(f"{count} {word}")
    if wave.state is WaveState.SOAKING:
        parts.append("soaking")
    return ", ".join(parts)


class _Sentences:
    """What the analysis says of a wave, told again when it says something else."""

    def __init__(self) -> None:
        self._told: set[str] = set()

    def new(self, seen: RolloutView) -> list[str]:
        """Those that were not told yet."""
        found = [sentence for sentence in compared(seen) if sentence not in self._told]
        self._told.update(found)
        return found


class _Events:
    """With `-o jsonl`: a line for each change of the rollout or of a wave, as it is seen."""

    def __init__(self, session: Session) -> None:
        self.wanted = session.format == "jsonl"
        self._last: dict[str, Any] = {}

    def tell(self, seen: RolloutView) -> None:
        """Write what changed since the last look."""
        if not self.wanted:
            return
        import msgspec

        for name, what in self._parts(seen).items():
            if self._last.get(name) != what:
                self._last[name] = what
                at = dt.datetime.now(dt.UTC)  # noqa: TID251
                click.echo(msgspec.json.encode({"at": at, "rollout": seen.id, "what": name, **what}).decode())

    def _parts(self, seen: RolloutView) -> dict[str, dict[str, Any]]:
        counts = ("devices", "committed", "healthy", "failed", "reverted", "unhealthy", "lost", "deferred", "waiting")
        waves = {
            f"wave {one.index + 1}": {"state": one.state, "verdict": one.verdict, "because": one.because}
            | {name: getattr(one, name) for name in counts}
            | {"analysis": None if one.analysis is None else one.analysis.said}
            for one in seen.waves
            if one.state is not WaveState.PENDING
        }
        return {"rollout": {"state": seen.state, "wave": seen.wave + 1, "because": seen.because}} | waves
