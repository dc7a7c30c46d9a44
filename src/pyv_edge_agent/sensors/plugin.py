"""Adapters of others: found by name in the entry-point group `pyvorin_edge.sensors`, each in a thread of its own.

Whatever such an adapter does - raise, hang, return nonsense - stops neither the agent nor another sensor: it only shows
as the failure of its own.
"""

from __future__ import annotations

import logging
import os
import threading
import traceback
from collections.abc import Callable, Mapping
from functools import partial
from types import MappingProxyType
from typing import Any, Final

import msgspec

from pyv_edge_agent.sensors.backlog import Pushed
from pyv_edge_agent.sensors.interface import Adapter, SensorError, SensorReading, fault_of

logger = logging.getLogger(__name__)

GROUP: Final = "pyvorin_edge.sensors"
#: A call that takes longer makes its sensor count as failed, until it returns.
CALL_SECONDS_MAX: Final = 10.0
JOIN_SECONDS: Final = 0.2
#: Threads that hung when their sensor was stopped; with so many, no more are started until the agent is.
HUNG_MAX: Final = 16
_hung: list[threading.Thread] = []


class PluginSettings(msgspec.Struct, frozen=True, kw_only=True):
    """What a factory is told: the keys that every sensor has, and its own table `settings` as it stands."""

    name: str
    unit: str = ""
    sensor_type: str = ""
    interval_seconds: float | None = None
    settings: Mapping[str, Any] = MappingProxyType({})
    #: the device's clock, Unix seconds, for timestamps
    clock: Callable[[], float]


Factory = Callable[[PluginSettings], Adapter]


class PluginAdapter(Pushed):
    """Wraps somebody's adapter. Its thread makes it, starts it, reads it at its interval and stops it."""

    def __init__(
        self,
        device: Mapping[str, Any],
        poll_interval_seconds: float,
        *,
        clock: Callable[[], float],
        monotonic: Callable[[], float],
        find: Callable[[str], Factory] | None = None,
    ) -> None:
        super().__init__()
        self._plugin = str(device["plugin"])
        self._settings = PluginSettings(
            name=device["name"],
            unit=device.get("unit", ""),
            sensor_type=device.get("sensor_type", ""),
            interval_seconds=device.get("interval_seconds"),
            settings=device.get("settings", {}),
            clock=clock,
        )
        self._poll_interval_seconds = poll_interval_seconds
        self._monotonic = monotonic
        self._find = find or factory_named
        self._thread: threading.Thread | None = None
        self._ending = threading.Event()
        self._why: str | None = None
        self._up = False
        #: when the call that runs now began; none = no call runs
        self._called_at: float | None = None
        #: what it returned that is no reading
        self.refused = 0

    @property
    def name(self) -> str:
        """See Adapter."""
        return self._settings.name

    @property
    def interval_seconds(self) -> float | None:
        """See Adapter."""
        return self._settings.interval_seconds

    @property
    def connected(self) -> bool:
        """See Adapter."""
        return self._thread is not None and self._up and self.failure is None

    @property
    def failure(self) -> str | None:
        """See Adapter."""
        why = self._why
        if (began := self._called_at) is not None and self._monotonic() - began > CALL_SECONDS_MAX:
            why = f"plugin {self._plugin!r} has not answered for {self._monotonic() - began:.0f} s"
        return None if why is None else f"sensor {self.name!r}: {why}"

    def start(self) -> None:
        """See Adapter."""
        _hung[:] = [thread for thread in _hung if thread.is_alive()]
        if len(_hung) >= HUNG_MAX:
            self._why = f"{len(_hung)} threads of plugins hang: restart the agent"
            raise SensorError(str(self.failure))
        self._why = None
        self._ending = threading.Event()
        self._thread = threading.Thread(
            target=self._run, args=(self._ending,), name=f"sensor-{self.name[:32]}", daemon=True
        )
        self._thread.start()

    def read(self) -> SensorReading | None:
        """See Adapter. Its readings come from its own thread."""
        if (why := self.failure) is not None:
            raise SensorError(why)
        return None

    def stop(self) -> None:
        """See Adapter. A thread that hangs in a call is left behind."""
        thread, self._thread = self._thread, None
        if thread is None:
            return
        self._ending.set()
        thread.join(JOIN_SECONDS)
        if thread.is_alive():
            _hung.append(thread)
        self._up = False

    def _run(self, ending: threading.Event) -> None:
        adapter: Adapter | None = None
        pause = self._settings.interval_seconds or self._poll_interval_seconds
        while not ending.is_set():
            try:
                if adapter is None:
                    adapter = self._made()
                reading = self._called(adapter.read)
                self._why = self._called(partial(_disconnected, adapter))
                if reading is not None and not ending.is_set():
                    self._hand_on(reading)
            except BaseException as why:  # noqa: BLE001 - also SystemExit: its thread is ours
                self._trouble(why)
            ending.wait(pause)
        if adapter is not None:
            self._end(adapter)

    def _made(self) -> Adapter:
        adapter: Adapter = self._called(lambda: self._find(self._plugin)(self._settings))
        try:
            self._called(adapter.start)
        except BaseException:
            self._end(adapter)
            raise
        self._up = True
        return adapter

    def _called(self, call: Callable[[], Any]) -> Any:
        self._called_at = self._monotonic()
        try:
            return call()
        finally:
            self._called_at = None

    def _hand_on(self, reading: object) -> None:
        fault = fault_of(reading)
        if fault is None and isinstance(reading, SensorReading):
            # under its own name alone: another's would pass under another's privacy rules
            named = SensorReading(self.name, reading.timestamp, reading.value, reading.unit, dict(reading.metadata))
            self._readings.put(named)
            return
        self.refused += 1
        self._why = f"plugin {self._plugin!r} gave no reading: {fault}"

    def _trouble(self, why: BaseException) -> None:
        # the kind alone for what is no SensorError: a stranger's message might hold a secret or a reading
        said = str(why)[:200] if isinstance(why, SensorError) else f"plugin {self._plugin!r} raised {_kind_of(why)}"
        if self._why != said:
            logger.warning("sensor %s: %s", self.name, said)
        self._why = said

    def _end(self, adapter: Adapter) -> None:
        try:
            self._called(adapter.stop)
        except BaseException as why:  # noqa: BLE001
            self._trouble(why)


def factory_named(name: str) -> Factory:
    """The factory that a package on this device offers under that name; SensorError if none does, or it is broken."""
    from importlib import metadata  # rarely needed, and not small

    found = list(metadata.entry_points(group=GROUP, name=name))
    if not found:
        known = ", ".join(sorted(one.name for one in metadata.entry_points(group=GROUP))) or "none is installed"
        raise SensorError(f"no package on this device offers the plugin {name!r} ({known})")
    factory: Factory = found[0].load()
    return factory


def _disconnected(adapter: Adapter) -> str | None:
    """Why it says itself that it is not connected."""
    return None if adapter.connected else str(adapter.failure or "it is not connected")[:200]


def _kind_of(why: BaseException) -> str:
    frames = traceback.extract_tb(why.__traceback__)
    where = f" in {os.path.basename(frames[-1].filename)} line {frames[-1].lineno}" if frames else ""
    return f"{type(why).__name__}{where}"
