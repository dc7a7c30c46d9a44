"""Second copies: a flipped bit in the files of enrolment, or a file that is gone, is mended at the next start."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from conformance.fleet import Fleet
from conformance.memory_broker import MemoryBroker
from pyv_edge_agent.disk.journal import Journal
from pyv_edge_agent.keepsakes import mend
from pyv_edge_agent.link.join import parse_join
from pyv_edge_agent.state_dir import StateDir
from pyvorin_edge import wire
from pyvorin_edge.identity import parse_device_id
from pyvorin_edge.trust import parse_anchor
from running.desk import open_desk

DEVICE = "FLEET-0a1b2c3d4e5f"
NAMES = ("device_id", "join.json", "server_ca.pem", "trust_anchor.json")


@pytest.fixture(scope="module")
def good(tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    join = Fleet(MemoryBroker(), DEVICE, "h:1").join()
    with open_desk(tmp_path_factory.mktemp("desk"), DEVICE) as desk:
        return {
            "device_id": f"{DEVICE}\n".encode(),
            "join.json": wire.encode(join),
            "server_ca.pem": desk.server_ca_pem.encode(),
            "trust_anchor.json": wire.encode({"public_key": join.trust_anchor}),
        }


@pytest.fixture
def place(tmp_path: Path, good: dict[str, bytes]) -> StateDir:
    for name, data in good.items():
        (tmp_path / name).write_bytes(data)
    assert mend(StateDir(tmp_path), Journal(tmp_path)) == ()
    return StateDir(tmp_path)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("break_it", [lambda path: path.write_bytes(b"\xff{"), Path.unlink])
def test_what_is_broken_or_gone_comes_back(
    place: StateDir, good: dict[str, bytes], name: str, break_it: Callable[[Path], object]
) -> None:
    break_it(place.root / name)
    assert mend(place, Journal(place.root)) == (place.root / name,)
    assert (place.root / name).read_bytes() == good[name]
    assert mend(place, Journal(place.root)) == ()


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=60)
@given(name=st.sampled_from(NAMES), at=st.integers(0, 10_000), bit=st.integers(0, 7))
def test_after_any_flipped_bit_each_file_can_be_used(place: StateDir, name: str, at: int, bit: int) -> None:
    path = place.root / name
    data = bytearray(path.read_bytes())
    data[at % len(data)] ^= 1 << bit
    path.write_bytes(bytes(data))
    mend(place, Journal(place.root))
    parse_device_id(place.device_id.read_text().strip())
    parse_join(place.join.read_bytes())
    parse_anchor(place.trust_anchor.read_bytes())


def test_what_a_person_replaced_by_something_good_stays(place: StateDir) -> None:
    place.device_id.write_text("FLEET-ffffffffffff\n")
    assert mend(place, Journal(place.root)) == ()
    place.device_id.unlink()
    mend(place, Journal(place.root))
    assert place.device_id.read_text() == "FLEET-ffffffffffff\n"


def test_a_directory_that_was_never_provisioned_gets_nothing(tmp_path: Path) -> None:
    assert mend(StateDir(tmp_path), Journal(tmp_path)) == ()
    assert not (tmp_path / "device_id").exists()
