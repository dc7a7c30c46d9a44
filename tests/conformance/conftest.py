"""Every rule is asked of every kind of subject; a new kind is one more line here."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import NamedTuple

import pytest

from conformance.agent_subject import AgentSubject, agent
from conformance.core_subject import CoreSubject
from conformance.fleet import Fleet
from conformance.http_subject import HttpSubject, http_agent
from conformance.memory_broker import MemoryBroker
from conformance.parcel_subject import ParcelSubject, parcel_agent
from conformance.subject import Able, Carrier, Subject
from conformance.watched import Watched


def _core() -> Iterator[tuple[Subject, Carrier]]:
    broker = MemoryBroker()
    subject = CoreSubject(broker)
    yield subject, broker
    subject.kill()


class Kind(NamedTuple):
    """How a subject is made, and what it can be made to do."""

    make: Callable[[], Iterator[tuple[Subject, Carrier]]]
    able: frozenset[Able]


KINDS = {
    "core": Kind(_core, CoreSubject.able),
    "agent": Kind(agent, AgentSubject.able),
    "http": Kind(http_agent, HttpSubject.able),
    "parcel": Kind(parcel_agent, ParcelSubject.able),
}


@pytest.fixture(params=list(KINDS))
def pair(request: pytest.FixtureRequest) -> Iterator[tuple[Subject, Carrier]]:
    """A subject that is not provisioned yet, and what carries its messages."""
    kind = KINDS[request.param]
    missing = [one for one in getattr(request.function, "needs", ()) if one not in kind.able]
    if missing:
        pytest.skip(f"this subject cannot be made to do: {', '.join(missing)}")
    made = kind.make()
    subject, carrier = next(made)
    yield subject, carrier
    for _ in made:
        pass


@pytest.fixture
def fleet(pair: tuple[Subject, Carrier]) -> Fleet:
    """The fleet that the device belongs to."""
    subject, carrier = pair
    return Fleet(carrier, subject.device_id, subject.address, hold_seconds=0)  # nobody waits for what is good


@pytest.fixture
def device(pair: tuple[Subject, Carrier], fleet: Fleet) -> Watched:
    """An enrolled device on its provisioned config, started, with its assignment to `stable`."""
    watched = Watched(pair[0], fleet)
    watched.enrol()
    fleet.assign()
    watched.subject.start()
    watched.until(lambda: watched.last is not None, "its first report")
    return watched
