"""The sensors' part of the daily work: adapters are polled, readings pass the pipeline, what comes of it is queued."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Mapping
from typing import Any, Final

import msgspec

from pyv_edge_agent.clock import Clock
from pyv_edge_agent.core.pulse import Part
from pyv_edge_agent.pulse import Pulse
from pyv_edge_agent.sensing.pipeline import Clear, Outgoing, Pipeline, Settings
from pyv_edge_agent.sensors.catalogue import adapters_of
from pyv_edge_agent.sensors.interface import SensorReading
from pyv_edge_agent.sensors.polling import SensorPoller
from pyvorin_edge.vocabulary import EventState, ItemKind

logger = logging.getLogger(__name__)

#: the sections that make a pipeline
SECTIONS: Final = ("windows", "rules", "policies")
#: failures named in health; with more, the numbers say enough
FAILURES_MAX: Final = 16


class Measured(msgspec.Struct, frozen=True, kw_only=True):
    """What was measured since the agent's start, for health."""

    readings_processed: int = 0
    readings_refused: int = 0
    readings_dropped: int = 0
    #: came, and not taken yet
    buffer_count: int = 0
    events_triggered: int = 0
    rules_undecided: int = 0
    policy_left_out: int = 0
    connected: tuple[str, ...] = ()
    configured: int = 0
    failures: Mapping[str, str] = {}


class Measuring:
    """Sensors, windows, rules and policies in force. `deliver` takes what is to be queued, in the poller's thread."""

    def __init__(
        self, clock: Clock, *, seed: int, clear: Clear, deliver: Callable[[Outgoing], None], pulse: Pulse | None = None
    ) -> None:
        self._clock = clock
        self._seed = seed
        self._clear = clear
        self._deliver = deliver
        self._pulse = pulse or Pulse()
        self._lock = threading.Lock()
        self._settings = Settings()
        self._pipeline = Pipeline(self._settings, clear)
        self._poller: SensorPoller | None = None
        #: of pollers and pipelines that were before
        self._past = Measured()

    def take_sensors(self, section: Mapping[str, Any]) -> None:
        """Put a `sensors` section in force; SensorError if it cannot be, and then no sensor runs."""
        adapters = adapters_of(
            section, seed=self._seed, monotonic=self._clock.uptime_seconds, clock=self._clock.wall_seconds
        )
        poller = SensorPoller(
            adapters,
            section["poll_interval_seconds"],
            self._take,
            monotonic=self._clock.uptime_seconds,
            beat=self._pulse.beat(Part.SENSORS),
        )
        self._end_poller()
        poller.start()
        self._poller = poller

    def take_rules(self, sections: Mapping[str, Any]) -> None:
        """Put SECTIONS in force. Rules that are the same go on where they stood; windows begin anew."""
        self._settings = Settings.from_document(sections)
        self.forget()

    def forget(self) -> None:
        """Forget all values: privacy has other rules now, and what was cleared by the old ones must not show."""
        with self._lock:
            counts = self._pipeline.counts
            self._past = msgspec.structs.replace(
                self._past,
                events_triggered=self._past.events_triggered + counts.fired,
                rules_undecided=self._past.rules_undecided + counts.undecided,
                policy_left_out=self._past.policy_left_out + counts.left_out,
            )
            self._pipeline = Pipeline(self._settings, self._clear, self._pipeline)

    def measured(self) -> Measured:
        """The figures now."""
        past, poller, counts = self._past, self._poller, self._pipeline.counts
        found = msgspec.structs.replace(
            past,
            events_triggered=past.events_triggered + counts.fired,
            rules_undecided=past.rules_undecided + counts.undecided,
            policy_left_out=past.policy_left_out + counts.left_out,
        )
        if poller is None:
            return found
        return msgspec.structs.replace(
            found,
            readings_processed=past.readings_processed + poller.readings_processed,
            readings_refused=past.readings_refused + poller.refused,
            readings_dropped=past.readings_dropped + poller.dropped,
            buffer_count=poller.backlog,
            connected=poller.connected(),
            configured=poller.configured,
            failures=dict(sorted(poller.failures().items())[:FAILURES_MAX]),
        )

    def stop(self) -> None:
        """Stop every sensor; what was read was delivered when this returns."""
        self._end_poller()

    def _end_poller(self) -> None:
        before, self._poller = self._poller, None
        if before is None:
            return
        before.stop()
        self._pulse.leave(Part.SENSORS)
        self._past = msgspec.structs.replace(
            self._past,
            readings_processed=self._past.readings_processed + before.readings_processed,
            readings_refused=self._past.readings_refused + before.refused,
            readings_dropped=self._past.readings_dropped + before.dropped,
        )

    def _take(self, reading: SensorReading) -> None:
        with self._lock:
            found = self._pipeline.take(reading, self._clock.uptime_seconds())
        for one in found:
            if one.label.kind is ItemKind.EVENT:
                _log_event(one)
            self._deliver(one)


def _log_event(event: Outgoing) -> None:
    # names only: the value and the message go where the firewall let them, not into a log
    fired = event.body["state"] == EventState.FIRED.value
    level = logging.WARNING if fired else logging.INFO
    logger.log(level, "rule %s %s on sensor %s", event.label.rule_name, event.body["state"], event.label.sensor_name)
