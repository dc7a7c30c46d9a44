"""MQTT sensors, without a broker: what arrives, what is refused, and how a broker that is not there shows.

With a real one: tests/system/test_sensors.py.
"""

from __future__ import annotations

import time
from typing import Any

from pyv_edge_agent.sensors.interface import SensorReading
from pyv_edge_agent.sensors.mqtt import BrokerConnection, BrokerTerms, MqttAdapter
from running.ports import free_ports


def adapter(**device: Any) -> MqttAdapter:
    whole = {"name": "t", "unit": "C", "topic": "a/+/b", **device}
    return MqttAdapter(whole, BrokerConnection(BrokerTerms.from_document(whole)), clock=lambda: 9.0)


def test_a_message_is_a_reading_with_its_topic() -> None:
    made, woken = adapter(value_path="temp"), list[int]()
    made.listen(lambda: woken.append(1))
    made.arrived("a/x/b", b'{"temp": 21.5, "metadata": {"k": 1}}')
    assert made.take() == [SensorReading("t", 9.0, 21.5, "C", {"k": 1, "topic": "a/x/b"})]
    assert (woken, made.backlog) == ([1], 0)


def test_what_is_no_reading_is_counted() -> None:
    made = adapter()
    for payload in (b"{", b'{"other": 1}', b"99999999999999999999"):
        made.arrived("a/x/b", payload)
    assert (made.refused, made.backlog) == (3, 0)


def test_ports_follow_from_tls_and_no_password_is_shown() -> None:
    assert BrokerTerms.from_document({}) == BrokerTerms("127.0.0.1", 1883, None, None, None)
    terms = BrokerTerms.from_document({"host": "b", "ca_file": "ca", "username": "u", "password": "hush"})
    assert terms.port == 8883
    assert "hush" not in f"{terms!r} {terms}"


def test_a_broker_that_is_not_there_is_told_and_stopping_does_not_wait_for_it() -> None:
    made = adapter(port=free_ports(1)[0])
    made.start()
    deadline = time.monotonic() + 10
    while "cannot connect" not in (made.failure or ""):
        assert time.monotonic() < deadline
        time.sleep(0.01)
    assert not made.connected
    made.stop()
    made.stop()
    assert made.failure is None
