"""Each effect against real files: what it leaves, what it answers, and that the second time changes nothing."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace

from pyv_edge_agent.core import effects as do
from pyv_edge_agent.core import events as ev
from pyv_edge_agent.core.memory import Installed
from pyv_edge_agent.delivery import Delivery
from pyv_edge_agent.disk import slots as slots_module
from pyv_edge_agent.disk.slots import SlotKind
from pyv_edge_agent.link.none import NoLink
from pyv_edge_agent.performer import ApplyError, Performer, Surroundings
from pyvorin_edge.identity import Digest, digest_of
from pyvorin_edge.orders import EMPTY_OVERLAY, BundleRef
from pyvorin_edge.trust import Link as Whereabouts
from pyvorin_edge.vocabulary import Cause, ConfigFormat
from running.shell import NO_ROUTE, a_disk

HOME = Whereabouts(mqtt=("home:1",))
GOOD = b"[windows]\ndefault_size = 7\n"
OTHER = b"[windows]\ndefault_size = 8\n"
SECRET = b'[cloud]\napi_key = "${API_KEY}"\n'


def installed(data: bytes) -> Installed:
    return Installed(
        release=None, version=None, overlay=EMPTY_OVERLAY, attempt=0, file=digest_of(data), format=ConfigFormat.TOML,
        config_hash="0" * 64,
    )  # fmt: skip


class RecordingLink(NoLink):
    """A link that remembers what it was asked."""

    def __init__(self) -> None:
        self.asked: list[tuple[Any, ...]] = []

    def subscribe(self, topics: Sequence[str]) -> None:
        self.asked.append(("subscribe", *topics))

    def publish(self, topic: str, payload: bytes, *, qos: int, retain: bool, tag: int | None = None) -> None:
        self.asked.append(("publish", topic, payload, qos, retain, tag))

    def go_to(self, whereabouts: Whereabouts) -> None:
        self.asked.append(("go_to", whereabouts))


class World:
    """A performer with all that it needs."""

    def __init__(self, root: Path) -> None:
        self.link = RecordingLink()
        self.applied: list[dict[str, Any]] = []
        self.fails: str | None = None
        self.starts_again = 0
        self.environment: dict[str, str] = {}
        self.later: list[ev.Event] = []
        around = Surroundings(
            apply=self._apply, health=lambda: {"status": "healthy"}, logs=lambda count: ("a line",) * count,
            values=lambda references: self.environment, fetch=lambda where, topic: f"{where.mqtt[0]} {topic}".encode(),
            device_key=b"key", enrolled=HOME, start_again=self._start_again, route=NO_ROUTE,
        )  # fmt: skip
        self.disk = a_disk(root)
        self.slots, self.live = self.disk.slots, self.disk.live
        self.delivery = Delivery(self.disk.code.slots, NO_ROUTE, self.later.append)
        self.performer = Performer(self.disk, self.delivery, self.link, around, self.later.append)

    def do(self, effect: do.Effect) -> list[ev.Event]:
        return self.performer.perform(effect)

    def _start_again(self) -> None:
        self.starts_again += 1

    def _apply(self, effective: dict[str, Any]) -> None:
        if self.fails is not None:
            raise ApplyError(self.fails)
        self.applied.append(effective)


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World(tmp_path)


def test_a_staged_file_is_checked_and_kept(world: World) -> None:
    assert world.do(do.Stage(installed(GOOD), GOOD)) == [ev.Staged()]
    assert world.slots.read(SlotKind.BLOBS, digest_of(GOOD)) == GOOD
    assert world.live.read() is None


def test_a_file_that_this_device_cannot_run_is_invalid_with_its_path_and_without_its_secrets(world: World) -> None:
    [failed] = world.do(do.Stage(installed(SECRET), SECRET))
    assert isinstance(failed, ev.StageFailed)
    assert failed.code is Cause.INVALID
    assert "/cloud/api_key" in failed.detail
    world.environment["API_KEY"] = "s3cret"
    assert world.do(do.Stage(installed(SECRET), SECRET)) == [ev.Staged()]


def test_a_full_disk_is_told_as_one(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(path: Path, data: bytes) -> None:
        raise slots_module.DiskError(path, "write", OSError(28, "No space left on device"))

    monkeypatch.setattr(slots_module, "write_durably", full)
    [failed] = world.do(do.Stage(installed(GOOD), GOOD))
    assert isinstance(failed, ev.StageFailed)
    assert (failed.code, "No space left" in failed.detail) == (Cause.DISK, True)


def test_a_switch_writes_the_stored_bytes_and_puts_them_in_force(world: World) -> None:
    world.slots.keep(SlotKind.BLOBS, digest_of(GOOD), GOOD)
    switched, seen = world.do(do.Switch(installed(GOOD), good=installed(GOOD)))
    assert isinstance(switched, ev.Switched)
    assert isinstance(seen, ev.LiveSeen)
    assert (world.live.read(), seen.data, seen.effective_hash) == (GOOD, GOOD, switched.effective_hash)
    assert world.applied[0]["windows"]["default_size"] == 7
    before = world.live.path.stat().st_mtime_ns
    world.do(do.Switch(installed(GOOD), good=installed(GOOD)))
    assert world.live.path.stat().st_mtime_ns == before


def test_a_switch_that_fails_says_why(world: World) -> None:
    lacking, _ = world.do(do.Switch(installed(GOOD), good=installed(GOOD)))
    assert isinstance(lacking, ev.SwitchFailed)
    assert lacking.code is Cause.DISK
    world.slots.keep(SlotKind.BLOBS, digest_of(GOOD), GOOD)
    world.fails = "health: cannot listen on 127.0.0.1 port 8080"
    unstarted, _ = world.do(do.Switch(installed(GOOD), good=installed(GOOD)))
    assert unstarted == ev.SwitchFailed(code=Cause.SWITCH, detail=world.fails)


def test_an_edited_live_file_that_validates_is_loaded(world: World) -> None:
    world.live.put(OTHER)
    world.slots.keep(SlotKind.BLOBS, digest_of(GOOD), GOOD)
    [seen] = world.do(do.LoadLive(installed(GOOD)))
    assert isinstance(seen, ev.LiveSeen)
    assert seen.data == OTHER
    assert world.applied[-1]["windows"]["default_size"] == 8


@pytest.mark.parametrize("broken", [b"[windows\n", b"[windows]\ndefault_size = -1\n", None])
def test_a_live_file_that_does_not_validate_gives_way_to_the_last_good_one(world: World, broken: bytes | None) -> None:
    if broken is not None:
        world.live.put(broken)
    world.slots.keep(SlotKind.BLOBS, digest_of(GOOD), GOOD)
    world.do(do.LoadLive(installed(GOOD)))
    assert world.live.read() == GOOD
    assert world.applied[-1]["windows"]["default_size"] == 7


def test_a_live_file_that_only_this_machine_cannot_start_is_left_as_it_is(world: World) -> None:
    world.live.put(OTHER)
    world.slots.keep(SlotKind.BLOBS, digest_of(GOOD), GOOD)
    world.fails = "health: cannot listen"
    world.do(do.LoadLive(installed(GOOD)))
    assert world.live.read() == OTHER


def test_looking_at_the_live_file_shows_what_cannot_be_read_as_it_is(world: World) -> None:
    assert world.do(do.LookAtLive()) == [ev.LiveSeen(data=None, effective_hash=None)]
    world.live.put(b"[broken")
    assert world.do(do.LookAtLive()) == [ev.LiveSeen(data=b"[broken", effective_hash=None)]


def test_the_store_answers_what_it_has(world: World) -> None:
    world.do(do.KeepBlob(digest_of(GOOD), GOOD))
    assert world.do(do.Look(blob=digest_of(GOOD))) == [ev.Looked(blob=digest_of(GOOD), data=GOOD)]
    assert world.do(do.Look(release=digest_of(GOOD))) == [ev.Looked(release=digest_of(GOOD), data=None)]
    world.do(do.Prune(releases=frozenset(), blobs=frozenset()))
    assert world.do(do.Look(blob=digest_of(GOOD))) == [ev.Looked(blob=digest_of(GOOD), data=None)]


def test_a_candidate_link_is_used_until_another_is_named(world: World) -> None:
    away = Whereabouts(mqtt=("away:1",))
    world.do(do.UseLink(away, candidate=True))
    assert world.performer.candidate == away
    world.do(do.UseLink(None, candidate=False))
    assert world.performer.candidate is None
    assert world.link.asked == [("go_to", away), ("go_to", HOME)]


def test_what_is_fetched_comes_as_a_later_event_by_the_link_in_use(world: World) -> None:
    import threading

    world.do(do.UseLink(Whereabouts(mqtt=("away:1",)), candidate=True))
    world.do(do.FetchOverHttp("t"))
    for thread in threading.enumerate():
        if thread.name == "fetch":
            thread.join(5)
    assert world.later == [ev.FetchedOverHttp(topic="t", data=b"away:1 t")]


def test_words_go_to_the_link_as_they_are(world: World) -> None:
    world.do(do.Subscribe(("a", "b")))
    world.do(do.Publish(topic="t", payload=b"p", qos=1, retain=False, seq=7))
    assert world.link.asked == [("subscribe", "a", "b"), ("publish", "t", b"p", 1, False, 7)]


def test_logs_and_health_are_answered(world: World) -> None:
    assert world.do(do.ReadLogs("r", 2)) == [ev.LogsRead(request_id="r", lines=("a line", "a line"))]
    assert world.do(do.LookAtHealth(1.0)) == [ev.HealthSeen({"status": "healthy"})]
    assert world.performer.health_every_seconds == 1.0


def test_a_start_without_its_secret_says_so_until_a_reload_finds_it(world: World) -> None:
    world.live.put(SECRET)
    world.slots.keep(SlotKind.BLOBS, digest_of(SECRET), SECRET)
    world.do(do.LoadLive(installed(SECRET)))
    assert world.performer.unusable is not None
    assert "variable API_KEY is not set" in world.performer.unusable
    assert world.applied == []
    world.environment["API_KEY"] = "s3cret"
    world.do(do.LoadLive(installed(SECRET)))
    assert world.performer.unusable is None
    assert world.applied[-1]["cloud"]["api_key"] == "s3cret"


def test_code_that_is_committed_takes_over_when_the_launcher_forgot_it(world: World) -> None:
    slot = Digest("b" * 64)
    with world.disk.code.slots.making(slot) as directory:
        (directory / "site" / "pyv_edge_agent").mkdir(parents=True)
        (directory / "site" / "pyv_edge_agent" / "__main__.py").touch()
    bundle = BundleRef(name="agent", version="1", manifest_sha256=slot, sha256=slot, size=1)
    world.do(do.Establish(replace(installed(GOOD), bundle=bundle)))
    assert world.starts_again == 1
    world.do(do.Establish(installed(GOOD)))
    assert world.starts_again == 1, "the installed code is what runs here"
