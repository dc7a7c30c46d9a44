"""The thread that polls the adapters, each at its interval, takes what comes by itself, and hands all of it on."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Sequence
from typing import Final

from pyv_edge_agent.pulse import Beat, unwatched
from pyv_edge_agent.sensors.interface import Adapter, Pushing, SensorError, SensorReading, fault_of

logger = logging.getLogger(__name__)

#: An adapter that hangs in a file is left to its daemon thread.
JOIN_SECONDS: Final = 2.0


class SensorPoller:
    """Owns its adapters from start to stop. `on_reading` is called in the poller's thread; an error there is logged."""

    def __init__(
        self,
        adapters: Sequence[Adapter],
        poll_interval_seconds: float,
        on_reading: Callable[[SensorReading], None],
        *,
        monotonic: Callable[[], float] = time.monotonic,
        beat: Beat = unwatched,
    ) -> None:
        self._adapters = tuple(adapters)
        self._pushing = tuple(adapter for adapter in self._adapters if isinstance(adapter, Pushing))
        self._interval_seconds = poll_interval_seconds
        self._on_reading = on_reading
        self._monotonic = monotonic
        self._beat = beat
        self._started: set[str] = set()
        self._due = dict.fromkeys((adapter.name for adapter in self._adapters), 0.0)
        self._woken = threading.Event()
        self._ending = False
        self._thread: threading.Thread | None = None
        self._refused = 0
        #: readings taken since the start
        self.readings_processed = 0

    @property
    def configured(self) -> int:
        """How many sensors the config names."""
        return len(self._adapters)

    @property
    def backlog(self) -> int:
        """Readings that came and were not taken yet."""
        return sum(adapter.backlog for adapter in self._pushing)

    @property
    def dropped(self) -> int:
        """Readings that found no room since the start."""
        return sum(adapter.dropped for adapter in self._pushing)

    @property
    def refused(self) -> int:
        """What came since the start and was no reading."""
        return self._refused + sum(getattr(adapter, "refused", 0) for adapter in self._adapters)

    def connected(self) -> tuple[str, ...]:
        """Names of the sensors that can be read now, as in /health `ingest.adapters_connected`."""
        return tuple(adapter.name for adapter in self._adapters if adapter.connected)

    def failures(self) -> dict[str, str]:
        """Why each sensor that is not connected is not, by name."""
        return {adapter.name: why for adapter in self._adapters if (why := adapter.failure) is not None}

    def start(self) -> None:
        """Start every adapter, then the thread; a sensor that does not start is tried again at its interval."""
        if self._thread is not None:
            return
        self._ending = False
        for pushing in self._pushing:
            pushing.listen(self._woken.set)
        for adapter in self._adapters:
            self._start(adapter)
        self._thread = threading.Thread(target=self._run, name="sensors", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """End the thread, stop every adapter, hand on what had come by then; may be called twice."""
        self._ending = True
        self._woken.set()
        thread, self._thread = self._thread, None
        if thread is not None:
            thread.join(JOIN_SECONDS)
        for adapter in self._adapters:
            adapter.stop()
        self._started.clear()
        if thread is not None and not thread.is_alive():
            self._take_pushed()

    def poll_due(self) -> float:
        """Read all that is due; the seconds until the next is. The thread's work, callable by itself in a test."""
        self._take_pushed()
        now = self._monotonic()
        for adapter in self._adapters:
            if self._due[adapter.name] <= now:
                self._due[adapter.name] = now + (adapter.interval_seconds or self._interval_seconds)
                self._poll(adapter)
                self._beat()
        return max(0.0, min(self._due.values(), default=now + self._interval_seconds) - self._monotonic())

    def _run(self) -> None:
        self._beat()
        while not self._ending:
            self._woken.clear()
            wait_seconds = self.poll_due()
            self._beat(wait_seconds)
            if not self._ending:
                self._woken.wait(wait_seconds)

    def _take_pushed(self) -> None:
        for adapter in self._pushing:
            if adapter.backlog:
                for reading in adapter.take():
                    self._hand_on(reading)
                self._beat()

    def _start(self, adapter: Adapter) -> bool:
        try:
            adapter.start()
        except SensorError as why:
            logger.warning("%s", why)
            return False
        self._started.add(adapter.name)
        return True

    def _poll(self, adapter: Adapter) -> None:
        if adapter.name not in self._started and not self._start(adapter):
            return
        try:
            reading = adapter.read()
        except SensorError as why:
            logger.debug("%s", why)  # it stands in health; once an interval it would fill the log
        except Exception:
            logger.exception("sensor %s could not be read", adapter.name)
        else:
            if reading is not None:
                self._hand_on(reading)

    def _hand_on(self, reading: SensorReading) -> None:
        if (fault := fault_of(reading)) is not None:
            self._refused += 1
            logger.debug("a reading of sensor %s was refused: %s", reading.sensor_name, fault)
            return
        self.readings_processed += 1
        try:
            self._on_reading(reading)
        except Exception:
            logger.exception("reading of sensor %s could not be handed on", reading.sensor_name)
