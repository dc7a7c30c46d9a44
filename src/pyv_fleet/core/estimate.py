"""When a rollout may be done if all goes well: a figure for people, never for a decision."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from pyv_fleet.core.rollout import PlannedWave, Rollout
from pyv_fleet.core.verdict import Wave
from pyv_fleet.core.words import RolloutState
from pyvorin_edge.orders import BundleRef

TAKING_SECONDS: Final = 60
"""How long a wave's devices take for a release where none has yet: a gate's default."""


def finish_at(at: Rollout, waves: Sequence[Wave], now: int, download_seconds: int = 0) -> int | None:
    """Unix ms at which the last wave may be judged; none while it is not under way. `download_seconds`: see there.

    Waves to come take as long as the slowest one up to now took to apply, turn by turn, and their own soak.
    """
    if at.state not in (RolloutState.ROLLING, RolloutState.WAITING) or not waves:
        return None
    took = [one // at.plan.waves[wave.number].rounds for wave in waves if (one := _took(wave)) is not None]

    def taking(wave: PlannedWave) -> int:
        return max(took) * wave.rounds if took else _taking(wave, at.plan.spread_seconds, download_seconds)

    left = sum(taking(planned) + planned.soak_seconds * 1000 for planned in at.plan.waves[at.wave + 1 :])
    if at.state is RolloutState.WAITING:
        begins = max(now, at.plan.start_at or 0) if at.wave == 0 else now
        return begins + taking(at.planned) + at.planned.soak_seconds * 1000 + left
    return max(now, _ends(waves[at.wave], at.planned, taking(at.planned))) + left


def planned_finish(waves: Sequence[PlannedWave], spread_seconds: int, begins: int, download_seconds: int = 0) -> int:
    """The same of a rollout that is not made yet."""
    return begins + sum(_taking(wave, spread_seconds, download_seconds) + wave.soak_seconds * 1000 for wave in waves)


def download_seconds(before: BundleRef | None, after: BundleRef | None, bytes_per_second: int) -> int:
    """How long a device takes for the release's bundle at the channel's rate; 0 without another bundle, or a limit."""
    if after is None or after == before or not bytes_per_second:
        return 0
    return -(-after.size // bytes_per_second)


def download_pace(bytes_per_second: int, seconds: int, spread_seconds: int, deadline_seconds: int) -> tuple[bool, str]:
    """Whether a wave's downloads are bounded and done in time, and how, in words; `seconds`: of one device."""
    said = f"spread over {spread_seconds} s a wave"
    if bytes_per_second:
        said += f", at most {bytes_per_second:,} bytes/s a device"
    if seconds >= deadline_seconds:
        said += f": that is {seconds} s for the bundle, beyond the wave's deadline of {deadline_seconds} s"
    return (spread_seconds > 0 or bytes_per_second > 0) and seconds < deadline_seconds, said


def _took(wave: Wave) -> int | None:
    return None if wave.applied_at is None else max(0, wave.applied_at - wave.started_at)


def _ends(wave: Wave, planned: PlannedWave, taking: int) -> int:
    applied = wave.started_at + taking if wave.applied_at is None else wave.applied_at
    return applied + planned.soak_seconds * 1000


def _taking(wave: PlannedWave, spread_seconds: int, download_seconds: int) -> int:
    """Turns take the spread's place."""
    spread = spread_seconds if wave.rounds == 1 else 0
    return ((TAKING_SECONDS + download_seconds) * wave.rounds + spread) * 1000
