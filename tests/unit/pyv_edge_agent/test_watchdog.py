"""The watchdog: calmed only while every part turns; what is stuck is named, and then the process ends."""

from __future__ import annotations

import logging
import math
import socket
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from pyv_edge_agent.core.pulse import Part
from pyv_edge_agent.notify import Notifier, Supervision
from pyv_edge_agent.pulse import Pulse
from pyv_edge_agent.watchdog import Watchdog


class World:
    """A watchdog over one part, its clock, and its supervisor."""

    def __init__(self, directory: Path, watchdog_seconds: float | None, patience_seconds: float = 10.0) -> None:
        self.now = 0.0
        self.ended = 0
        self.server = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.server.bind(str(directory / "notify"))
        self.server.setblocking(False)
        self.pulse = Pulse(lambda: self.now)
        self.beat = self.pulse.beat(Part.UPDATER)
        self.beat()
        notifier = Notifier(Supervision(str(directory / "notify"), watchdog_seconds))
        self.watchdog = Watchdog(
            self.pulse, notifier, status=lambda: "well", patience_seconds=patience_seconds, on_stuck=self._end
        )

    def look_at(self, now: float) -> str:
        self.now = now
        self.watchdog.look()
        try:
            return self.server.recv(4096).decode()
        except BlockingIOError:
            return ""

    def _end(self) -> None:
        self.ended += 1


@pytest.fixture
def supervised(tmp_path: Path) -> Iterator[World]:
    world = World(tmp_path, 30.0)
    yield world
    world.server.close()


@pytest.fixture
def alone(tmp_path: Path) -> Iterator[World]:
    world = World(tmp_path, None)
    yield world
    world.server.close()


def test_the_supervisor_is_calmed_while_all_turns(supervised: World) -> None:
    assert supervised.look_at(5) == "WATCHDOG=1\nSTATUS=well"
    supervised.beat(100.0)
    assert supervised.look_at(110) == "WATCHDOG=1\nSTATUS=well"


def test_a_stuck_part_is_named_and_the_supervisor_is_left_to_act(
    supervised: World, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    supervised.look_at(20)
    with caplog.at_level(logging.CRITICAL):
        assert supervised.look_at(30) == "STATUS=stuck: updater"
        assert supervised.look_at(40) == ""
    assert "updater" in caplog.text
    assert "most recent call first" in capfd.readouterr().err  # where each thread stands
    assert supervised.ended == 0


def test_what_turns_again_calms_the_supervisor_again(supervised: World) -> None:
    supervised.look_at(20)
    supervised.look_at(30)
    supervised.beat()
    assert supervised.look_at(31) == "WATCHDOG=1\nSTATUS=well"


def test_without_a_watching_supervisor_a_stuck_process_ends_itself(alone: World) -> None:
    assert alone.look_at(20) == "STATUS=well"
    assert alone.ended == 0
    alone.look_at(30)
    assert alone.ended == 1


@pytest.mark.parametrize(
    ("supervisor", "patience", "every"), [(None, 10.0, 2.5), (3.0, 10.0, 1.5), (None, math.inf, 60.0)]
)
def test_it_looks_often_enough_for_both(
    tmp_path: Path, supervisor: float | None, patience: float, every: float
) -> None:
    world = World(tmp_path, supervisor, patience)
    assert world.watchdog.every_seconds == every
    world.server.close()


def test_its_thread_looks_by_itself_until_stopped(tmp_path: Path) -> None:
    looked = threading.Event()
    watchdog = Watchdog(Pulse(), Notifier(Supervision()), status=lambda: looked.set() or "", patience_seconds=0.04)
    watchdog.start()
    assert looked.wait(10)
    watchdog.stop()
