"""Every rule is asked of every kind of subject; a new kind is one more line here."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest

from conformance.agent_subject import agent
from conformance.core_subject import CoreSubject
from conformance.fleet import Fleet
from conformance.memory_broker import MemoryBroker
from conformance.subject import Carrier, Subject
from conformance.watched import Watched


def _core() -> Iterator[tuple[Subject, Carrier]]:
    broker = MemoryBroker()
    subject = CoreSubject(broker)
    yield subject, broker
    subject.kill()


KINDS: dict[str, Callable[[], Iterator[tuple[Subject, Carrier]]]] = {"core": _core, "agent": agent}


@pytest.fixture(params=list(KINDS))
def pair(request: pytest.FixtureRequest) -> Iterator[tuple[Subject, Carrier]]:
    """A subject that is not provisioned yet, and what carries its messages."""
    made = KINDS[request.param]()
    subject, carrier = next(made)
    yield subject, carrier
    for _ in made:
        pass


@pytest.fixture
def fleet(pair: tuple[Subject, Carrier]) -> Fleet:
    """The fleet that the device belongs to."""
    subject, carrier = pair
    return Fleet(carrier, subject.device_id, subject.address)


@pytest.fixture
def device(pair: tuple[Subject, Carrier], fleet: Fleet) -> Watched:
    """An enrolled device on its provisioned config, started, with its assignment to `stable`."""
    watched = Watched(pair[0], fleet)
    watched.enrol()
    fleet.assign()
    watched.subject.start()
    watched.until(lambda: watched.last is not None, "its first report")
    return watched
