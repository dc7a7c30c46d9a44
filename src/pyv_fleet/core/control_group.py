"""Which devices of a channel are compared: the wave, and as its control those that the same draw left out.

The comparison holds because the rollout's salt drew who is in the wave. Devices that were put into a wave by name or by
label were not drawn; they and their like are left out of both groups.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

from pyv_fleet.core.waves import Candidate, Line, in_any, in_line
from pyv_fleet.core.words import Measure
from pyvorin_edge.identity import order_hash

#: of each group, by an order that knows nothing of the salt: more devices make it no surer and cost at each look
GROUP_MAX: Final = 1_000
#: what the agent counts that is an error, by section of its health document
ERROR_COUNTERS: Final = {
    "agent": ("rules_undecided",),
    "cloud": ("dead_letters", "evicted", "expired", "files_set_aside"),
    "ingest": ("readings_refused", "readings_dropped"),
}


def drawn_groups(lines: Sequence[Line], salt: str, population: Iterable[Candidate]) -> Mapping[str, bool]:
    """Whether each device that is compared is in the wave; the last of `lines` is the wave's own, the others are of
    those before. Empty where the wave was not drawn, or leaves nobody out."""
    *earlier, own = lines
    if own.below is None:
        return {}
    by_hand = [line for line in earlier if line.below is None or line.where != own.where]
    like_own = Line(where=own.where)
    return {
        device.device_id: in_any(lines, salt, device)
        for device in population
        if in_line(like_own, salt, device) and not any(_is_like(line, salt, device) for line in by_hand)
    }


def fewer(groups: Mapping[str, bool]) -> Mapping[str, bool]:
    """The groups, each with GROUP_MAX devices at most."""
    chosen: dict[str, bool] = {}
    for of_wave in (True, False):
        ids = [device_id for device_id, in_wave in groups.items() if in_wave is of_wave]
        ids.sort(key=lambda device_id: order_hash("compared", device_id))
        chosen |= dict.fromkeys(ids[:GROUP_MAX], of_wave)
    return chosen


def errors_in(health: Mapping[str, Any]) -> float | None:
    """What the agent counted since its start that is an error; none if its health document has no such counters."""
    found = [
        float(value)
        for section, names in ERROR_COUNTERS.items()
        if isinstance(part := health.get(section), dict)
        for name in names
        if isinstance(value := part.get(name), int) and not isinstance(value, bool) and value >= 0
    ]
    return sum(found) if found else None


def figures_of(cpu: float | None, memory: float | None, queue: float | None) -> dict[str, float]:
    """The figures of a beat by measure, those that it has."""
    figures = {Measure.CPU.value: cpu, Measure.MEMORY.value: memory, Measure.QUEUE.value: queue}
    return {name: float(value) for name, value in figures.items() if value is not None}


def totals_of(boot: int, health: Mapping[str, Any] | None) -> dict[str, float]:
    """The totals of a device by measure, those that are known."""
    errors = None if health is None else errors_in(health)
    return {Measure.RESTARTS.value: float(boot)} | ({} if errors is None else {Measure.ERRORS.value: errors})


def _is_like(line: Line, salt: str, device: Candidate) -> bool:
    """Whether a line was meant for devices of this kind, drawn or not; one without label and draw names them."""
    return in_line(line if line.where is None else Line(where=line.where), salt, device)
