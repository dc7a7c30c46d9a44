"""Hooks as the core asks for them: run in order, told what changes, their failure in words without secrets."""

from __future__ import annotations

import queue
from pathlib import Path

import pytest

from pyv_edge_agent.core import effects as do
from pyv_edge_agent.core import events as ev
from pyv_edge_agent.guarding import GuardPlace, Guards, Store
from pyvorin_edge.identity import Digest, digest_of
from pyvorin_edge.vocabulary import HookMoment, HookReason
from running.brain import an_installed

OLD, NEW = b"[windows]\ndefault_size = 1\n", b"[windows]\ndefault_size = 2\n"
BLOBS = {digest_of(data): data for data in (OLD, NEW)}


class Place:
    """A device with hooks in a directory of its own."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.said: queue.SimpleQueue[ev.Event] = queue.SimpleQueue()
        place = GuardPlace(
            update_lock=root / "update.lock",
            hooks=root / "hooks.toml",
            live=root / "config.toml",
            device_id="demo-1",
            lock_seconds_max=lambda: 60.0,
            scrub=lambda text: text.replace("s3cret", "[redacted]"),
        )
        self.guards = Guards(place, Store(BLOBS.get, lambda slot: root / slot), self.said.put)

    def hook(self, name: str, script: str, extra: str = "", on: str = "before") -> None:
        program = self.root / f"{name}.sh"
        program.write_text(f"#!/bin/sh\n{script}\n", encoding="utf-8")
        program.chmod(0o755)
        line = f'[[hook]]\nname = "{name}"\non = "{on}"\nrun = ["{program}"]\n{extra}\n'
        file = self.root / "hooks.toml"
        file.write_text((file.read_text() if file.exists() else "") + line, encoding="utf-8")
        file.chmod(0o600)

    def ended(self, **fields: object) -> ev.HooksEnded:
        wanted = {
            "number": 1,
            "moment": HookMoment.BEFORE,
            "reason": HookReason.UPDATE,
            "installed": an_installed("b", file=digest_of(NEW)),
            "was": an_installed("a", file=digest_of(OLD)),
            **fields,
        }
        at_once = self.guards.run(do.RunHooks(**wanted))  # type: ignore[arg-type]
        found = at_once[0] if at_once else self.said.get(timeout=30)
        assert isinstance(found, ev.HooksEnded)
        return found


@pytest.fixture
def place(tmp_path: Path) -> Place:
    return Place(tmp_path)


def test_without_hooks_the_answer_comes_at_once(place: Place) -> None:
    assert place.ended() == ev.HooksEnded(number=1)


def test_they_run_in_order_and_are_told_what_changes(place: Place) -> None:
    out = place.root / "out"
    place.hook("one", f'echo "$PYV_HOOK_NAME $PYV_HOOK_MOMENT $PYV_HOOK_REASON $PYV_HOOK_CHANGED" >> {out}')
    place.hook("two", f'echo "$PYV_HOOK_VERSION $PYV_HOOK_DEVICE_ID $PYV_HOOK_CONFIG" >> {out}')
    assert place.ended().failed is None
    assert out.read_text() == f"one before update /windows/default_size\nb.0 demo-1 {place.root / 'config.toml'}\n"


def test_the_first_that_fails_ends_it_with_its_last_words_and_no_secret(place: Place) -> None:
    place.hook("drain", "echo token s3cret refused >&2; exit 4")
    place.hook("never", f"touch {place.root / 'ran'}")
    found = place.ended()
    assert found.failed == "hook drain (before) ended with status 4: token [redacted] refused"
    assert not found.again
    assert not (place.root / "ran").exists()


def test_status_75_asks_to_be_run_again(place: Place) -> None:
    place.hook("busy", "exit 75")
    assert place.ended().again


def test_one_that_takes_too_long_has_failed(place: Place) -> None:
    place.hook("slow", "sleep 600", "timeout_seconds = 0.5")
    assert "took longer than 0.5 s" in str(place.ended().failed)


def test_one_whose_key_paths_do_not_change_does_not_run(place: Place) -> None:
    place.hook("other", "exit 1", 'pointers = ["/sensors"]')
    assert place.ended().failed is None


def test_of_a_repair_the_paths_are_those_that_drifted(place: Place) -> None:
    place.hook("other", "exit 1", 'pointers = ["/sensors"]')
    assert place.ended(was=None, paths=("/sensors/poll_interval_seconds",), reason=HookReason.REPAIR).failed


def test_what_cannot_be_compared_counts_as_changed(place: Place) -> None:
    place.hook("other", "exit 1", 'pointers = ["/sensors"]')
    assert place.ended(was=an_installed("c", file=Digest("c" * 64))).failed


def test_a_hooks_file_that_cannot_be_used_fails_the_change_and_says_why(place: Place) -> None:
    (place.root / "hooks.toml").write_text("[[hook]", encoding="utf-8")
    assert "hooks.toml" in str(place.ended().failed)


def test_what_is_left_ends_at_once(place: Place) -> None:
    place.hook("slow", "sleep 600", "timeout_seconds = 600")
    slow = do.RunHooks(
        number=7,
        moment=HookMoment.BEFORE,
        reason=HookReason.UPDATE,
        installed=an_installed("b", file=digest_of(NEW)),
        was=None,
    )
    assert place.guards.run(slow) == []
    place.guards.leave()
    assert place.said.get(timeout=30) is not None


def test_the_lock_is_seen_with_how_long_it_is_honoured(place: Place) -> None:
    assert place.guards.look_at_lock(take=True) == ev.LockSeen(holder=None, ours=True, most_seconds=60.0)
    place.guards.free_lock()
