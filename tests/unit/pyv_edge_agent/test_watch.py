"""Every way in which a file is edited is noticed, once for a burst, and the watch ends cleanly."""

from __future__ import annotations

import os
import shutil
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from pyv_edge_agent.watch import FileWatch


class Watched:
    """A watched config file, and how often it was told of."""

    def __init__(self, directory: Path) -> None:
        self.path = directory / "config.toml"
        self.path.write_text("a = 1\n")
        self.told = 0
        self.watch = FileWatch(self.path, self.count, settle_seconds=0.05)

    def count(self) -> None:
        self.told += 1

    def until_told(self, more_than: int = 0) -> None:
        deadline = time.monotonic() + 10
        while self.told <= more_than:
            assert time.monotonic() < deadline, "not told"
            time.sleep(0.005)


@pytest.fixture
def watched(tmp_path: Path) -> Iterator[Watched]:
    directory = tmp_path / "state"
    directory.mkdir()
    watched = Watched(directory)
    yield watched
    watched.watch.stop()


def rewrite(path: Path) -> None:
    path.write_text("a = 2\n")


def replace(path: Path) -> None:
    path.with_suffix(".tmp").write_text("a = 2\n")
    path.with_suffix(".tmp").replace(path)


def remove(path: Path) -> None:
    path.unlink()


def append(path: Path) -> None:
    with path.open("a") as file:
        file.write("b = 1\n")


@pytest.mark.parametrize("edit", [rewrite, replace, remove, append])
def test_an_edit_is_noticed(watched: Watched, edit: Callable[[Path], None]) -> None:
    edit(watched.path)
    watched.until_told()


def test_a_file_made_anew_is_noticed(watched: Watched) -> None:
    watched.path.unlink()
    watched.until_told()
    told = watched.told
    rewrite(watched.path)
    watched.until_told(told)


def test_other_files_are_no_business_of_it(watched: Watched) -> None:
    (watched.path.parent / "state").write_text("x")
    (watched.path.parent / "config.toml.bak").write_text("x")
    rewrite(watched.path)  # the marker: what came before it has been seen by then
    watched.until_told()
    assert watched.told == 1


def test_a_burst_is_told_once(watched: Watched) -> None:
    for _ in range(50):
        rewrite(watched.path)
    watched.until_told()
    assert watched.told <= 2


def test_a_directory_that_is_replaced_is_watched_again(watched: Watched) -> None:
    directory = watched.path.parent
    shutil.rmtree(directory)
    watched.until_told()
    told = watched.told
    directory.mkdir()
    watched.until_told(told)
    told = watched.told
    rewrite(watched.path)
    watched.until_told(told)


def test_trouble_in_the_callback_does_not_end_the_watch(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    path, calls, second = tmp_path / "f", list[int](), threading.Event()

    def fails_once() -> None:
        calls.append(1)
        if len(calls) == 1:
            raise ValueError("bad edit")
        second.set()

    with FileWatch(path, fails_once, settle_seconds=0.01):
        deadline = time.monotonic() + 10
        while not second.wait(0.02):
            rewrite(path)
            assert time.monotonic() < deadline
    assert "bad edit" in caplog.text


def test_stopping_ends_the_thread_and_frees_its_files(watched: Watched) -> None:
    open_before = len(os.listdir("/proc/self/fd"))
    watched.watch.stop()
    watched.watch.stop()
    assert len(os.listdir("/proc/self/fd")) == open_before - 3
    assert not [thread for thread in threading.enumerate() if thread.name == "watch"]


def test_a_directory_that_is_not_there_is_an_error(tmp_path: Path) -> None:
    open_before = len(os.listdir("/proc/self/fd"))
    with pytest.raises(FileNotFoundError):
        FileWatch(tmp_path / "nowhere" / "f", lambda: None)
    assert len(os.listdir("/proc/self/fd")) == open_before
