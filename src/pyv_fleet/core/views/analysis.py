"""What a canary analysis saw."""

from __future__ import annotations

import msgspec

from pyv_fleet.core.words import Verdict


class MeasureView(msgspec.Struct, frozen=True, kw_only=True):
    """What one measure shows."""

    #: a Measure, or the name of a metric of the user's own
    measure: str
    #: none = it abstains, or nothing is to be seen yet
    verdict: Verdict | None
    #: whether it counts, or is only shown
    decides: bool
    #: what was seen, in a sentence
    said: str


class AnalysisView(msgspec.Struct, frozen=True, kw_only=True):
    """What the comparison of a wave with its control shows."""

    verdict: Verdict | None
    said: str
    #: devices compared, after those were dropped that were unwell or silent before
    wave_devices: int = 0
    control_devices: int = 0
    measures: tuple[MeasureView, ...] = ()
