"""From the config's `sensors` section to adapters: the one place where an ingest type meets its adapter.

Adapters are imported when a config names them: a device pays for what it uses.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

import msgspec

from pyv_edge_agent.sensors.interface import Adapter, SensorError
from pyvorin_edge.config.sections.sensors import (
    INGEST_FILE,
    INGEST_HTTP,
    INGEST_MQTT,
    INGEST_PLUGIN,
    INGEST_SIMULATOR,
)

if TYPE_CHECKING:
    from pyv_edge_agent.sensors.mqtt import BrokerConnection, BrokerTerms
    from pyv_edge_agent.sensors.webhook import WebhookListener


def adapters_of(
    sensors: Mapping[str, Any], *, seed: int, monotonic: Callable[[], float], clock: Callable[[], float]
) -> tuple[Adapter, ...]:
    """An adapter for each item of an effective, validated `sensors` section; not started.

    `seed` is the device's own, for simulators without one. SensorError for an ingest type without an adapter.
    """
    maker = _Maker(sensors["poll_interval_seconds"], seed, monotonic, clock)
    return tuple(maker.adapter(device) for device in sensors["devices"])


class _Maker(msgspec.Struct, frozen=True):
    poll_interval_seconds: float
    seed: int
    monotonic: Callable[[], float]
    clock: Callable[[], float]
    #: what several sensors share
    brokers: dict[BrokerTerms, BrokerConnection] = msgspec.field(default_factory=dict)
    listeners: dict[tuple[str, int], WebhookListener] = msgspec.field(default_factory=dict)

    def adapter(self, device: Mapping[str, Any]) -> Adapter:
        makers: Mapping[str, Callable[[Mapping[str, Any]], Adapter]] = {
            INGEST_SIMULATOR: self._simulator,
            INGEST_FILE: self._file,
            INGEST_MQTT: self._mqtt,
            INGEST_HTTP: self._http,
            INGEST_PLUGIN: self._plugin,
        }
        kind = device["ingest_type"]
        if kind not in makers:
            raise SensorError(f"sensor {device['name']!r}: no adapter for ingest_type {kind!r} in this version")
        return makers[kind](device)

    def _simulator(self, device: Mapping[str, Any]) -> Adapter:
        from pyv_edge_agent.sensors.simulator import SimulatedSensor, SimulatorAdapter, SimulatorSettings

        sensor = SimulatedSensor(SimulatorSettings.from_document(device), self.seed)
        return SimulatorAdapter(sensor, monotonic=self.monotonic, clock=self.clock)

    def _file(self, device: Mapping[str, Any]) -> Adapter:
        from pyv_edge_agent.sensors.replay import FileReplayAdapter

        return FileReplayAdapter(device, clock=self.clock, monotonic=self.monotonic)

    def _mqtt(self, device: Mapping[str, Any]) -> Adapter:
        from pyv_edge_agent.sensors.mqtt import BrokerConnection, BrokerTerms, MqttAdapter

        terms = BrokerTerms.from_document(device)
        broker = self.brokers.setdefault(terms, BrokerConnection(terms))
        return MqttAdapter(device, broker, clock=self.clock)

    def _http(self, device: Mapping[str, Any]) -> Adapter:
        from pyv_edge_agent.sensors.webhook import WebhookAdapter, WebhookListener

        host, port = device.get("host", "127.0.0.1"), device["port"]
        listener = self.listeners.setdefault((host, port), WebhookListener(host, port))
        return WebhookAdapter(device, listener, clock=self.clock)

    def _plugin(self, device: Mapping[str, Any]) -> Adapter:
        from pyv_edge_agent.sensors.plugin import PluginAdapter

        return PluginAdapter(device, self.poll_interval_seconds, clock=self.clock, monotonic=self.monotonic)
