"""The hard deadline: what is durable is closed first, and the exit code says whether it could be."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator

import pytest

from pyv_edge_agent import ending as module
from pyv_edge_agent.ending import Ending
from pyv_edge_agent.exits import Exit


@pytest.fixture(autouse=True)
def no_alarm_stays() -> Iterator[None]:
    yield
    signal.setitimer(signal.ITIMER_REAL, 0)


def test_a_cut_closes_what_is_durable_and_leaves_with_0() -> None:
    done: list[object] = []
    Ending(lambda: done.append("secured"), done.append).cut()
    assert done == ["secured", 0]


def test_what_cannot_be_closed_is_told_by_the_exit_code() -> None:
    def fails() -> None:
        raise OSError("the card is gone")

    left: list[int] = []
    Ending(fails, left.append).cut()
    assert left == [Exit.UNSECURED]


def test_a_closing_that_hangs_is_not_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_SECURE_SECONDS", 0.05)
    left: list[int] = []
    release = threading.Event()
    Ending(lambda: release.wait(30) or None, left.append).cut()
    release.set()
    assert left == [Exit.UNSECURED]


def test_once_armed_it_comes_by_itself_and_the_kernel_stands_behind() -> None:
    left = threading.Event()
    ending = Ending(lambda: None, lambda code: left.set())
    ending.arm(cut_seconds=0.01)
    assert left.wait(10)
    assert signal.getitimer(signal.ITIMER_REAL)[0] > 0


def test_the_launcher_s_alarm_is_called_off_once_up() -> None:
    signal.alarm(90)
    Ending(lambda: None).came_up()
    assert signal.getitimer(signal.ITIMER_REAL)[0] == 0


def test_asked_to_end_while_starting_the_deadline_stays() -> None:
    ending = Ending(lambda: None, lambda code: None)
    ending.arm(cut_seconds=60)
    ending.came_up()
    assert signal.getitimer(signal.ITIMER_REAL)[0] > 0
