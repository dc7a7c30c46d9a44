"""Everything between an alert and who is told of it, put together."""

from __future__ import annotations

from dataclasses import dataclass, field

from pyv_fleet.core.notifying import Timing
from pyv_fleet.engine.alerting import Alerting
from pyv_fleet.engine.deliveries import Deliveries
from pyv_fleet.engine.ground import Ground
from pyv_fleet.engine.mirrors import Mirrors
from pyv_fleet.engine.notifier import Notifier
from pyv_fleet.sinks.interface import Mirror, Sink


@dataclass(frozen=True)
class Telling:
    """Who is told, and when: as the settings say; nobody by default."""

    timing: Timing = field(default_factory=Timing)
    sinks: tuple[Sink, ...] = ()
    mirrors: tuple[Mirror, ...] = ()


class Outlets:
    """`notifier` fills the outbox, `deliveries` empties it."""

    def __init__(self, ground: Ground, alerting: Alerting, telling: Telling) -> None:
        mirrors = Mirrors(ground, alerting, telling.timing, telling.mirrors)
        self.deliveries = Deliveries(ground, alerting, telling.timing, telling.sinks, mirrors)
        self.notifier = Notifier(ground, telling.timing, telling.sinks, self.deliveries.wake)
