"""A device whose agent does not run: looked at without changing it, decided on as the next start obeys."""

from __future__ import annotations

import fcntl
import os
from pathlib import Path

import msgspec
import pytest
from msgspec.structs import replace

from pyv_edge_agent.at_rest import Sight, choose, history_of, locked, look, pardon
from pyv_edge_agent.control import Conflict, NotFound
from pyv_edge_agent.core.events import Now
from pyv_edge_agent.core.memory import Memory, State, Tried, parts
from pyv_edge_agent.disk.atomic import DiskError
from pyv_edge_agent.disk.journal import PENDING, Journal, _framed
from pyv_edge_agent.state_dir import StateDir
from pyv_edge_agent.updater import read_memory
from pyvorin_edge.canonical import config_hash
from pyvorin_edge.identity import digest_of
from pyvorin_edge.orders import EMPTY_OVERLAY
from pyvorin_edge.vocabulary import Cause, Outcome, Standing
from running.brain import an_installed

GOOD = b"[windows]\ndefault_size = 7\n"
NOW = Now(wall_ms=1_000_000, synced=True, uptime_seconds=0.0)
COMMITTED = an_installed("b", file=digest_of(GOOD), config_hash=config_hash({"windows": {"default_size": 7}}))
EARLIER = an_installed("a")
BAD = Tried(
    release=EARLIER.release or digest_of(b""), overlay=EMPTY_OVERLAY, attempt=1, outcome=Outcome.FAILED,
    code=Cause.GATE, tries=1, switched=True,
)  # fmt: skip
MEMORY = Memory(committed=COMMITTED, previous=(EARLIER,), quarantine=(BAD,), state=State(boot=3, fleet="acme"))


@pytest.fixture
def place(tmp_path: Path) -> StateDir:
    Journal(tmp_path).write(parts(MEMORY))
    (tmp_path / "store" / "blobs").mkdir(parents=True)
    (tmp_path / "store" / "blobs" / digest_of(GOOD)).write_bytes(GOOD)
    (tmp_path / "config.toml").write_bytes(GOOD)
    (tmp_path / "device_id").write_text("FLEET-1\n")
    return StateDir(tmp_path)


def seen(place: StateDir) -> Sight:
    return look(place, None, NOW, "1", {})


def snapshot(root: Path) -> dict[str, bytes]:
    return {str(path): path.read_bytes() for path in sorted(root.rglob("*")) if path.is_file()}


def test_a_whole_directory_is_read_and_left_as_it_was(place: StateDir) -> None:
    before = snapshot(place.root)
    sight = seen(place)
    assert sight.problems == ()
    assert (sight.device.facts.device_id, sight.device.memory) == ("FLEET-1", MEMORY)
    assert snapshot(place.root) == before


def test_drift_is_found_without_an_agent_by_path_and_value(place: StateDir) -> None:
    place.config.write_bytes(b"[windows]\ndefault_size = 9\n")
    sight = seen(place)
    assert sight.device.drift.standing is Standing.DRIFTED
    assert [(one.path, one.applied, one.live) for one in sight.changes] == [("/windows/default_size", "7", "9")]
    place.config.write_bytes(GOOD)
    assert not seen(place).device.drift.kinds


def test_what_a_power_cut_left_half_done_is_seen_as_the_next_start_will(place: StateDir) -> None:
    after = parts(replace(MEMORY, state=State(boot=9)))

    (place.root / PENDING).write_bytes(_framed(msgspec.json.encode(after)))
    assert seen(place).device.memory.state.boot == 9
    (place.root / PENDING).write_bytes(b"torn")
    assert seen(place).device.memory.state.boot == 3


def test_each_thing_that_is_broken_is_told_and_the_rest_is_seen(place: StateDir) -> None:
    (place.root / "committed").write_bytes(b"rubbish")
    (place.root / "quarantine").write_bytes(_framed(b'{"no": 1}'))
    place.config.write_bytes(b"[health]\nport = 99999\n")
    place.env.write_bytes(b"A=b\n")
    place.device_id.write_bytes(b"a/b\n")
    place.trust_anchor.write_bytes(b"{}")
    sight = seen(place)
    told = "\n".join(sight.problems)
    for word in ("committed is broken", "quarantine cannot be understood", "/health/port", "device id", "trust"):
        assert word in told
    assert sight.device.memory.state.boot == 3
    place.env.write_bytes(b"nonsense\n")
    assert any("line 1 is no KEY=VALUE" in one for one in seen(place).problems)


def test_an_empty_directory_is_told_of_as_such(tmp_path: Path) -> None:
    assert "no config" in seen(StateDir(tmp_path)).problems[0]
    assert history_of(StateDir(tmp_path)).lines == ()
    with pytest.raises(DiskError):
        seen(StateDir(tmp_path / "nowhere"))


def test_a_choice_is_durable_for_the_next_start_and_pardons(place: StateDir) -> None:
    choose(place, "a.0")
    memory = read_memory(Journal(place.root))
    assert memory.local is not None
    assert memory.local.release == EARLIER.release
    assert memory.quarantine == ()
    with pytest.raises(NotFound, match=r"'9\.9' is not held here; held: b\.0, a\.0"):
        choose(place, "9.9")


def test_a_pardon_alone_leaves_the_rest(place: StateDir) -> None:
    pardon(place, BAD.release)
    memory = read_memory(Journal(place.root))
    assert (memory.quarantine, memory.local, memory.committed) == ((), None, COMMITTED)


def test_beside_a_running_agent_nothing_is_decided(place: StateDir) -> None:
    descriptor = os.open(place.lock, os.O_RDWR | os.O_CREAT)
    fcntl.flock(descriptor, fcntl.LOCK_EX)
    with pytest.raises(Conflict, match="does not answer"):
        choose(place, "a.0")
    os.close(descriptor)
    with locked(place):
        pass
