"""Serials come from the first usable source, and no two boards share an id for want of one."""

from __future__ import annotations

import hashlib
import re
from pathlib import Path

import pytest

from pyv_edge_agent.hardware import Serial, boot_id, clock_state, seed_of, serial_of
from pyvorin_edge.errors import IdentityError
from pyvorin_edge.identity import device_id_of
from pyvorin_edge.vocabulary import Clock

PI = "processor\t: 0\nmodel name\t: ARMv7\n\nHardware\t: BCM2835\nSerial\t\t: {}\nModel\t\t: Raspberry Pi 4\n"


def machine(root: Path, **files: str) -> Path:
    paths = {
        "cpuinfo": "proc/cpuinfo",
        "tree": "proc/device-tree/serial-number",
        "dmi": "sys/class/dmi/id/product_uuid",
        "machine_id": "etc/machine-id",
    }
    for name, text in files.items():
        path = root / paths[name]
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return root


def test_a_pi_gets_the_id_that_the_article_computes(tmp_path: Path) -> None:
    cpuinfo = PI.format("10000000abcdef01")
    match = re.search(r"Serial\s*:\s*([0-9a-f]+)", cpuinfo)
    assert match is not None
    theirs = f"FLEET-{hashlib.sha256(match.group(1).encode()).hexdigest()[:12]}"
    assert device_id_of(serial_of(machine(tmp_path, cpuinfo=cpuinfo)).value) == theirs


def test_the_first_source_counts(tmp_path: Path) -> None:
    machine(tmp_path, machine_id="m" * 32)
    assert serial_of(tmp_path) == Serial("m" * 32, "etc/machine-id")
    machine(tmp_path, dmi="4c4c4544-0042\n")
    assert serial_of(tmp_path) == Serial("4c4c4544-0042", "sys/class/dmi/id/product_uuid")
    machine(tmp_path, tree="TREE-7\0")
    assert serial_of(tmp_path) == Serial("TREE-7", "proc/device-tree/serial-number")
    machine(tmp_path, cpuinfo=PI.format("ABC 12"))
    assert serial_of(tmp_path) == Serial("ABC 12", "proc/cpuinfo")


@pytest.mark.parametrize("dmi", ["To be filled by O.E.M.", "03000200-0400-0500-0006-000700080009", "unknown", "0" * 32])
def test_a_placeholder_is_passed_over(tmp_path: Path, dmi: str) -> None:
    machine(tmp_path, cpuinfo=PI.format("0000000000000000"), dmi=dmi, machine_id="m" * 32)
    assert serial_of(tmp_path).source == "etc/machine-id"


def test_without_a_usable_source_it_is_an_error_that_names_them_all(tmp_path: Path) -> None:
    machine(tmp_path, cpuinfo=PI.format("0000000000000000"), machine_id="uninitialized\n")
    with pytest.raises(IdentityError, match="--device-id") as caught:
        serial_of(tmp_path)
    for source in ("proc/cpuinfo", "serial-number", "product_uuid", "machine-id"):
        assert source in str(caught.value)


def test_a_cpuinfo_without_a_serial_line_is_no_source(tmp_path: Path) -> None:
    machine(tmp_path, cpuinfo="processor : 0\nSerial Number : x\n", machine_id="m" * 32)
    assert serial_of(tmp_path).source == "etc/machine-id"


def test_this_boot_has_one_id() -> None:
    assert re.fullmatch(r"[0-9a-f-]{36}", boot_id())
    assert boot_id() == boot_id()


def test_the_operators_word_on_the_clock_goes_first() -> None:
    assert clock_state(Clock.SYNCED) is Clock.SYNCED
    assert clock_state(Clock.UNSYNCED) is Clock.UNSYNCED


def test_the_mark_of_timesyncd_is_believed(tmp_path: Path) -> None:
    mark = tmp_path / "run/systemd/timesync/synchronized"
    mark.parent.mkdir(parents=True)
    mark.touch()
    assert clock_state(root=tmp_path) is Clock.SYNCED


def test_the_kernel_can_be_asked_without_privilege(tmp_path: Path) -> None:
    assert clock_state(root=tmp_path) in Clock


def test_each_device_has_its_own_seed() -> None:
    assert seed_of("FLEET-1") == seed_of("FLEET-1") != seed_of("FLEET-2")
