"""What a bad card makes of the device's own files: they are read as they were, or set aside; nothing breaks."""

from __future__ import annotations

import sqlite3
import tempfile
from pathlib import Path

from hypothesis import example, given
from hypothesis import strategies as st

from fuzz.spoiling import FUZZ, strange
from pyv_edge_agent.cloud_sync.queue import CloudSyncQueue, QueueError
from pyv_edge_agent.core.launching import INSTALLED, started
from pyv_edge_agent.core.memory import FILES, Memory, State, parts
from pyv_edge_agent.disk.history import CURRENT, History, read_history
from pyv_edge_agent.disk.journal import PENDING, Journal
from pyv_edge_agent.disk.launch_file import LAUNCH_FILE, read_launch, write_launch
from pyv_edge_agent.hardware import serial_of
from pyv_edge_agent.updater import read_memory
from pyvorin_edge.errors import IdentityError

MEMORY = Memory(directive=b"d", assignment=b"a", trust=(b"t",), state=State(boot=7, fleet="acme"))
NAMES = st.sampled_from([*FILES.values(), "trust/1", PENDING])
LAUNCH = b'{"good": "installed", "trial": "%s", "starts": 2, "fallen": ["installed", 1, 1, false]}' % (b"a" * 64)
LINE = b'{"n": 1, "at": 1, "happening": "committed"}\n'


@FUZZ
@given(NAMES, strange(b"{}", b'{"boot": 7}\n' + b"a" * 64 + b"\n"))
def test_a_broken_part_is_set_aside_and_the_rest_counts(name: str, data: bytes) -> None:
    with tempfile.TemporaryDirectory() as place:
        Journal(Path(place)).write(parts(MEMORY))
        (Path(place) / name).write_bytes(data)
        found = read_memory(Journal(Path(place)))
        expected = 0 if name == FILES["state"] else 7
        assert found.state.boot == expected
        assert read_memory(Journal(Path(place))) == found


@FUZZ
@given(strange(LAUNCH))
def test_the_launcher_always_finds_a_slot_to_start(data: bytes) -> None:
    with tempfile.TemporaryDirectory() as place:
        (Path(place) / LAUNCH_FILE).write_bytes(data)
        after, slot = started(read_launch(Path(place)), "boot", lambda name: (Path(place) / name).is_dir())
        assert slot == INSTALLED
        write_launch(Path(place), after)
        assert read_launch(Path(place)) == after


@FUZZ
@given(strange(LINE, LINE + LINE))
def test_a_torn_history_is_passed_over_and_goes_on(data: bytes) -> None:
    with tempfile.TemporaryDirectory() as place:
        (Path(place) / CURRENT).write_bytes(data)
        assert read_history(Path(place)).lines is not None
        history = History(Path(place))
        history.append((), durably=True)
        assert history.failed == 0


@example(at=1760, data=b"\x80")  # SQLite tells of the broken schema in words that are no UTF-8
@FUZZ
@given(st.integers(0, 40_000), st.binary(min_size=1, max_size=5000))
def test_a_queue_with_a_hole_takes_items_or_says_why(at: int, data: bytes) -> None:
    with tempfile.TemporaryDirectory() as place:
        path = Path(place) / "queue.db"
        queue = CloudSyncQueue(path, device_id="FLEET-1")
        for number in range(20):
            queue.enqueue({"n": number, "text": "x" * 200})
        queue.close()
        with sqlite3.connect(path) as database:
            database.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        database.close()
        spoilt = bytearray(path.read_bytes())
        spoilt[at : at + len(data)] = data
        path.write_bytes(spoilt)
        try:
            again = CloudSyncQueue(path, device_id="FLEET-1")
            again.enqueue({"n": 1})
            assert again.get_stats()
            again.close()
        except QueueError as why:
            assert str(why)


@FUZZ
@given(
    strange(b"Serial\t\t: 00000000abcdef01\n", b"10000000abcdef01\x00"), strange(b"0123456789abcdef0123456789abcdef\n")
)
def test_a_serial_is_found_or_each_source_is_named(cpuinfo: bytes, machine_id: bytes) -> None:
    with tempfile.TemporaryDirectory() as place:
        for name, data in (("proc/cpuinfo", cpuinfo), ("etc/machine-id", machine_id)):
            (Path(place) / name).parent.mkdir(parents=True, exist_ok=True)
            (Path(place) / name).write_bytes(data)
        try:
            assert serial_of(Path(place)).value.strip()
        except IdentityError as why:
            assert "give --serial" in str(why)
