"""A link that is kept up: words go to the session that is up, and another address ends it."""

from __future__ import annotations

import threading
from collections.abc import Sequence

import pytest

from pyv_edge_agent.link.interface import Listener, Self
from pyv_edge_agent.link.keeper import Keeper, Lived
from pyv_edge_agent.link.kept import KeptLink
from pyv_edge_agent.link.none import NoLink
from pyvorin_edge.identity import DeviceId
from pyvorin_edge.orders import Pace
from pyvorin_edge.trust import Link as Whereabouts

HOME, ELSEWHERE = Whereabouts(mqtt=("home:1",)), Whereabouts(mqtt=("elsewhere:1",))
ME = Self(device_id=DeviceId("FLEET-0a1b2c3d4e5f"), boot=1, boot_id="b")


class Session:
    def __init__(self) -> None:
        self.is_up = True
        self.topics: set[str] = set()
        self.ended = threading.Event()

    def subscribe(self, topics: Sequence[str]) -> None:
        self.topics |= set(topics)

    def unsubscribe(self, topics: Sequence[str]) -> None:
        self.topics -= set(topics)

    def interrupt(self) -> None:
        self.ended.set()


class Kept(KeptLink[Session]):
    """Each session lasts until it is interrupted."""

    def __init__(self) -> None:
        super().__init__(Keeper(HOME, Pace(), chance=lambda: 0.0, delay_seconds_max=0.01), goodbye_seconds=2.0)
        self.sessions: list[tuple[Session, Whereabouts]] = []
        self.opened = threading.Semaphore(0)

    def _session_of(self, me: Self, listener: Listener) -> Lived:
        self._session = made = Session()
        self.sessions.append((made, self._keeper.whereabouts))
        self.opened.release()
        made.ended.wait(10)
        self._session = None
        return Lived(60.0)


@pytest.fixture
def link() -> Kept:
    made = Kept()
    made.start(ME, NoLink())  # type: ignore[arg-type]
    assert made.opened.acquire(timeout=10)
    return made


def test_words_go_to_the_session_that_is_up(link: Kept) -> None:
    assert link.is_connected
    link.subscribe(("a", "b"))
    link.unsubscribe(("a",))
    assert link.sessions[0][0].topics == {"b"}
    link.stop(2.0)


def test_another_address_ends_the_session_and_the_next_goes_there(link: Kept) -> None:
    link.go_to(HOME)
    assert not link.sessions[0][0].ended.is_set(), "it is there already"
    link.go_to(ELSEWHERE)
    assert link.opened.acquire(timeout=10)
    assert link.sessions[1][1] == ELSEWHERE
    link.stop(2.0)


def test_when_it_is_stopped_nothing_is_up_and_words_are_lost_in_silence(link: Kept) -> None:
    link.stop(2.0)
    assert not link.is_connected
    link.subscribe(("a",))
    assert len(link.sessions) == 1
