"""What a rollout says of its canary analysis: which measures decide, how sure to be, and metrics of the user's own."""

from __future__ import annotations

from typing import Annotated, Final

import msgspec
from msgspec import Meta

from pyv_fleet.core.words import Measure, Worse

#: the place in a grouped query where the ids of the group come, as a regular expression
DEVICES_PLACE: Final = "{devices}"


class OwnMetric(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A Prometheus query of the user's own.

    Without `{devices}` the query returns a value for each `device_id`, and the wave is compared with the control device
    by device. With `{devices}` it is asked twice, for the wave and for the control, a regular expression of ids in the
    place of `{devices}`, and returns one value each.
    """

    name: Annotated[str, Meta(pattern=r"^[a-z][a-z0-9_]{0,31}$(?!\n)")]
    query: Annotated[str, Meta(min_length=1, max_length=4096)]
    worse: Worse = Worse.HIGHER
    #: how much worse than the control the wave must be before it counts, in the query's own unit
    difference: Annotated[float, Meta(ge=0)] = 0.0
    #: bounds of the wave's own value (by device: of their mean); outside is bad, whatever the control shows
    max: float | None = None
    min: float | None = None
    #: with `{devices}`: the wave's value may be so many times the control's (lower is worse: the control's / so many)
    control_times: Annotated[float, Meta(ge=1)] | None = None
    #: answers in a row that break a bound before the wave is bad
    failures: Annotated[int, Meta(ge=1, le=100)] = 3
    every_seconds: Annotated[int, Meta(ge=5, le=3600)] = 30
    #: it is shown and decides nothing
    dry_run: bool = False

    @property
    def grouped(self) -> bool:
        """Whether it is one value a group."""
        return DEVICES_PLACE in self.query


class AnalysisTerms(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How a wave is compared with the rest of its channel while it soaks."""

    enabled: bool = True
    #: chance of calling a harmless release bad, over all measures and looks of a wave
    alpha_permyriad: Annotated[int, Meta(ge=1, le=2_000)] = 500
    #: with fewer usable devices in the wave or in the control the analysis abstains
    min_devices: Annotated[int, Meta(ge=2, le=10_000)] = 5
    #: measures that decide; the others are shown
    decide: tuple[Measure, ...] = (
        Measure.HEALTH,
        Measure.CPU,
        Measure.MEMORY,
        Measure.QUEUE,
        Measure.ERRORS,
        Measure.RESTARTS,
    )
    metrics: Annotated[tuple[OwnMetric, ...], Meta(max_length=8)] = ()

    def __post_init__(self) -> None:
        """ValueError for a name that stands for two things."""
        names = [one.name for one in self.metrics]
        for name in names:
            if name in set(Measure) or names.count(name) > 1:
                raise ValueError(f"metrics: the name {name} is taken, choose another")
