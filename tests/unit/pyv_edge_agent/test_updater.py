"""The updater: durable first, then effects; a full disk only delays; what is broken is set aside and told."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from pyv_edge_agent import updater as module
from pyv_edge_agent.clock import Clock
from pyv_edge_agent.core import events as ev
from pyv_edge_agent.core.brain import wake
from pyv_edge_agent.core.device import Facts, Limits
from pyv_edge_agent.core.memory import Installed, Memory, State, parts
from pyv_edge_agent.disk.atomic import DiskError
from pyv_edge_agent.disk.journal import Journal
from pyv_edge_agent.link.interface import Listener, Self
from pyv_edge_agent.link.none import NoLink
from pyv_edge_agent.performer import Surroundings
from pyv_edge_agent.updater import OTAUpdater, UnknownRelease, read_memory
from pyvorin_edge.identity import DeviceId, Digest
from pyvorin_edge.orders import EMPTY_OVERLAY
from pyvorin_edge.report import Report
from pyvorin_edge.trust import Link as Whereabouts
from pyvorin_edge.trust import from_key
from pyvorin_edge.vocabulary import ConfigFormat
from pyvorin_edge.wire import REPORT_BYTES_MAX, decode
from running.shell import NO_ROUTE, a_disk

DEVICE = DeviceId("FLEET-0a1b2c3d4e5f")
GOOD = b"[windows]\ndefault_size = 7\n"
WITHIN_SECONDS = 10.0


def until(condition: Callable[[], bool], what: str) -> None:
    deadline = time.monotonic() + WITHIN_SECONDS
    while not condition():
        assert time.monotonic() < deadline, what
        time.sleep(0.005)


class WatchedLink(NoLink):
    """A link that looks, at each publish, at what is on disk by then."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self.me: Self | None = None
        self.listener: Listener | None = None
        self.reports: list[Report] = []
        self.boots_on_disk: list[int] = []
        self.stopped = False

    def start(self, me: Self, listener: Listener) -> None:
        self.me, self.listener = me, listener

    def stop(self, within_seconds: float) -> None:
        self.stopped = True

    def publish(self, topic: str, payload: bytes, *, qos: int, retain: bool, tag: int | None = None) -> None:
        if topic.endswith("/report"):
            self.reports.append(decode(payload, Report, limit_bytes=REPORT_BYTES_MAX))
            self.boots_on_disk.append(read_memory(Journal(self._directory)).state.boot)


class World:
    """One updater on one directory."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.looks = 0
        self.applied: list[dict[str, Any]] = []
        self.beats: list[float] = []
        (root / "config.toml").write_bytes(GOOD)
        self.journal = Journal(root)
        self.link = WatchedLink(root)
        self.updater = self.make()

    def make(self) -> OTAUpdater:
        facts = Facts(device_id=DEVICE, agent_version="1", limits=Limits(health_idle_seconds=0.05))
        device = wake(facts, read_memory(self.journal), from_key(bytes(32)))
        around = Surroundings(
            apply=self.applied.append, health=self._health, logs=lambda count: (), values=lambda references: {},
            fetch=lambda where, topic: None, device_key=b"key", enrolled=Whereabouts(), start_again=None,
            route=NO_ROUTE,
        )  # fmt: skip
        disk = a_disk(self.root, journal=self.journal)
        return OTAUpdater(device, disk, self.link, around, Clock(), self._beat)

    def _beat(self, rest_seconds: float = 0.0) -> None:
        self.beats.append(rest_seconds)

    def _health(self) -> dict[str, Any]:
        self.looks += 1
        return {"status": "healthy"}


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    made = World(tmp_path)
    yield made
    made.updater.stop()


def test_a_start_is_counted_on_disk_before_the_first_word_is_said(world: World) -> None:
    world.updater.start("boot-1", "machine-1")
    assert world.link.me == Self(device_id=DEVICE, boot=1, boot_id="boot-1")
    world.updater.connected(1, Whereabouts())
    until(lambda: bool(world.link.boots_on_disk), "a report on connect")
    assert (world.link.reports[0].boot, world.link.boots_on_disk[0]) == (1, 1)


def test_the_provisioned_config_is_committed_and_in_force(world: World) -> None:
    world.updater.start("boot-1", "machine-1")
    committed = read_memory(Journal(world.root)).committed
    assert committed is not None
    assert committed.release is None
    assert world.applied[0]["windows"]["default_size"] == 7


def test_idle_health_is_looked_at_and_a_change_of_the_live_file_is_told(world: World) -> None:
    world.updater.start("boot-1", "machine-1")
    until(lambda: world.looks > 3, "health is looked at again and again")
    (world.root / "config.toml").write_bytes(b"[windows]\ndefault_size = 8\n")
    world.updater.look_at_live()
    until(lambda: world.updater.device.drift.paths == ("/windows/default_size",), "drift is seen")


def test_an_event_that_a_full_disk_refuses_is_taken_later(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "DISK_RETRY_SECONDS", 0.1)
    world.updater.start("boot-1", "machine-1")
    refusals = iter(range(3))
    write = world.journal.write

    def full(found: Any) -> tuple[str, ...]:
        if next(refusals, None) is not None:
            raise DiskError(world.root / "state", "write", OSError(28, "No space left on device"))
        return write(found)

    monkeypatch.setattr(world.journal, "write", full)
    (world.root / "config.toml").write_bytes(b"[windows]\ndefault_size = 8\n")
    world.updater.look_at_live()
    until(lambda: "No space left" in (world.updater.trouble or ""), "it says so")
    until(lambda: world.updater.device.memory.state.drift_since is not None, "the drift is remembered")
    assert next(refusals, None) is None
    assert world.updater.trouble is None
    assert read_memory(Journal(world.root)).state.drift_since is not None


def test_with_a_full_disk_it_does_its_daily_work_and_joins_once_the_start_is_counted(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    world.updater.start("boot-1", "machine-1")  # once, so that something is committed
    world.updater.stop()
    monkeypatch.setattr(module, "DISK_RETRY_SECONDS", 0.05)
    full = [True]
    write = world.journal.write

    def refuse(found: Any) -> tuple[str, ...]:
        if full[0]:
            raise DiskError(world.root / "state", "write", OSError(28, "No space left on device"))
        return write(found)

    monkeypatch.setattr(world.journal, "write", refuse)
    world.applied.clear()
    world.link.me = None
    world.updater = world.make()
    world.updater.start("boot-2", "machine-1")
    assert world.applied[0]["windows"]["default_size"] == 7
    assert "No space left" in str(world.updater.trouble)
    assert world.link.me is None, "the fleet would take it for the start before"
    full[0] = False
    until(lambda: world.link.me is not None, "it joins")
    assert world.link.me == Self(device_id=DEVICE, boot=2, boot_id="boot-2")


def test_the_worker_says_that_it_turns_and_how_long_it_rests(world: World) -> None:
    world.updater.start("boot-1", "machine-1")
    until(lambda: len(world.beats) > 4, "it beats")
    assert all(0 <= rest <= module.WAIT_SECONDS_MAX for rest in world.beats)
    assert 0.0 in world.beats


def test_an_odd_event_does_not_deafen_the_device(world: World, caplog: pytest.LogCaptureFixture) -> None:
    world.updater.start("boot-1", "machine-1")
    with caplog.at_level(logging.CRITICAL):
        world.updater.put("nonsense")  # type: ignore[arg-type]
    seen = world.looks
    until(lambda: world.looks > seen, "the worker goes on")


def test_only_a_release_that_is_held_can_be_gone_back_to(world: World) -> None:
    world.updater.start("boot-1", "machine-1")
    with pytest.raises(UnknownRelease, match=r"'9\.9' is not held here; held: none"):
        world.updater.rollback_to("9.9")


def test_a_choice_by_hand_is_durable_when_the_call_returns(tmp_path: Path) -> None:
    held = Installed(
        release=Digest("a" * 64), version="1.0", overlay=EMPTY_OVERLAY, attempt=1, file=Digest("b" * 64),
        format=ConfigFormat.TOML, config_hash="c" * 64,
    )  # fmt: skip
    Journal(tmp_path).write(parts(Memory(committed=held)))
    world = World(tmp_path)
    world.updater.start("boot-1", "machine-1")
    world.updater.rollback_to("1.0")
    local = read_memory(Journal(tmp_path)).local
    assert local is not None
    assert local.release == held.release
    world.updater.stop()


def test_a_choice_by_hand_that_the_disk_refuses_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    held = Installed(
        release=Digest("a" * 64), version="1.0", overlay=EMPTY_OVERLAY, attempt=1, file=Digest("b" * 64),
        format=ConfigFormat.TOML, config_hash="c" * 64,
    )  # fmt: skip
    Journal(tmp_path).write(parts(Memory(committed=held)))
    world = World(tmp_path)
    world.updater.start("boot-1", "machine-1")

    def full(found: Any) -> tuple[str, ...]:
        raise DiskError(world.root / "state", "write", OSError(28, "No space left on device"))

    monkeypatch.setattr(world.journal, "write", full)
    with pytest.raises(OSError, match="not durable yet"):
        world.updater.rollback_to("1.0")
    world.updater.stop()


def test_what_a_call_raises_is_raised_to_who_called(world: World) -> None:
    world.updater.start("boot-1", "machine-1")

    def fail() -> None:
        raise KeyError("odd")

    with pytest.raises(KeyError, match="odd"):
        world.updater.call(fail)


def test_stopping_finishes_what_is_under_way_and_says_goodbye(world: World) -> None:
    world.updater.start("boot-1", "machine-1")
    world.updater.put(ev.LiveSeen(data=b"[windows]\ndefault_size = 9\n", effective_hash=None))
    world.updater.stop()
    assert world.updater.device.live_document == {"windows": {"default_size": 9}}
    assert world.link.stopped


def test_a_part_that_cannot_be_understood_is_set_aside_and_the_rest_counts(tmp_path: Path) -> None:
    Journal(tmp_path).write({**parts(Memory(state=State(boot=4), trust=(b"one", b"two"))), "committed": b'{"no": 1}'})
    memory = read_memory(Journal(tmp_path))
    assert (memory.committed, memory.state.boot, memory.trust) == (None, 4, (b"one", b"two"))
    assert (tmp_path / "committed.corrupt").exists()
