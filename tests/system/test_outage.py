"""A broker that restarts in the middle of a wave: nobody reverts, all commit while it is away, and say so after."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from conformance.agent_subject import AgentSubject, FleetSide
from conformance.fleet import Fleet
from conformance.watched import Watched
from pyvorin_edge.orders import Gate
from pyvorin_edge.vocabulary import Outcome, Phase
from running.broker import MqttCarrier, RealBroker, real_broker

DEVICES = 3


@pytest.fixture
def broker() -> Iterator[RealBroker]:
    with real_broker() as made:
        yield made


@pytest.fixture
def wave(broker: RealBroker, tmp_path: Path) -> Iterator[list[Watched]]:
    """Devices of one channel, each enrolled, started and settled."""
    with ExitStack() as stack:
        carrier = MqttCarrier(broker)
        stack.callback(carrier.close)
        side = FleetSide(broker.settings.devices, "", broker.enrol, broker.server_ca_pem)
        found = []
        for number in range(DEVICES):
            (tmp_path / str(number)).mkdir()
            subject = AgentSubject(side, carrier, tmp_path / str(number))
            stack.callback(subject.close)
            watched = Watched(subject, Fleet(carrier, subject.device_id, subject.address, hold_seconds=3))
            watched.enrol()
            watched.fleet.assign()
            subject.start()
            found.append(watched)
        for one in found:
            one.until(lambda one=one: one.last is not None, "its first report")  # type: ignore[misc]
        yield found


def phase_on_disk(one: Watched) -> Phase:
    trial = one.subject.durable().get("trial")
    return Phase.SETTLED if trial is None else Phase(json.loads(trial)["phase"])


def test_a_broker_that_restarts_while_a_wave_is_proved_makes_nobody_revert(
    wave: list[Watched], broker: RealBroker
) -> None:
    first = wave[0]
    release = first.publish("1.0", 1, gate=Gate(within_seconds=30, hold_seconds=3))
    first.fleet.direct(release)
    for one in wave:
        one.until(lambda one=one: phase_on_disk(one) is Phase.PROVING, "it proves")  # type: ignore[misc]
    broker.rest()
    for one in wave:
        one.until(lambda one=one: phase_on_disk(one) is Phase.SETTLED, "settled while the broker is away")  # type: ignore[misc]
        assert json.loads(one.subject.durable()["committed"])["release"] == release
        assert one.runs(1)
        one.subject.disconnect()  # what a device says while nobody listens would have to be asked for again
    broker.go_on()
    carrier = first.fleet.carrier
    assert isinstance(carrier, MqttCarrier)
    carrier.until_listening()
    for one in wave:
        one.subject.connect()
        one.end(release, Outcome.COMMITTED)
