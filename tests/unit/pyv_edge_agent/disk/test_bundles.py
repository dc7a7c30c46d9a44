"""Slots of bundles: whole or not there, one link to the one in force, downloads that stay for another try."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from pyv_edge_agent.core.launching import INSTALLED
from pyv_edge_agent.disk.atomic import DiskError
from pyv_edge_agent.disk.bundles import CURRENT, BundleSlots
from pyvorin_edge.errors import IdentityError

ONE, TWO = "1" * 64, "2" * 64


@pytest.fixture
def slots(tmp_path: Path) -> BundleSlots:
    return BundleSlots(tmp_path)


def make(slots: BundleSlots, slot: str) -> None:
    with slots.making(slot) as directory:
        (directory / "file").write_text(slot)


def test_a_slot_is_there_when_it_is_whole(slots: BundleSlots) -> None:
    with slots.making(ONE) as directory:
        (directory / "file").write_text("half")
        assert not slots.holds(ONE)
    assert slots.holds(ONE)
    assert (slots.directory(ONE) / "file").read_text() == "half"


def test_what_fails_half_way_leaves_nothing(slots: BundleSlots) -> None:
    def half() -> None:
        with slots.making(ONE) as directory:
            (directory / "file").write_text("half")
            raise RuntimeError

    with pytest.raises(RuntimeError):
        half()
    assert slots.held() == frozenset()
    assert list(slots.directory(ONE).parent.iterdir()) == []


def test_a_disk_that_refuses_is_told_as_one(slots: BundleSlots) -> None:
    with pytest.raises(DiskError), slots.making(ONE):
        raise OSError(28, "No space left on device")


def test_what_a_power_cut_left_is_swept(tmp_path: Path, slots: BundleSlots) -> None:
    half = slots.directory(ONE).with_name(f".{ONE}")
    (half / "deep").mkdir(parents=True)
    (half / "deep" / "file").touch()
    BundleSlots(tmp_path)
    assert half.exists(), "another process may be making it"
    slots.sweep()
    assert not half.exists()


def test_only_what_is_kept_stays(slots: BundleSlots) -> None:
    make(slots, ONE)
    make(slots, TWO)
    slots.prune({TWO})
    assert slots.held() == {TWO}


def test_removing_follows_no_link(tmp_path: Path, slots: BundleSlots) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "precious").touch()
    make(slots, ONE)
    os.symlink(outside, slots.directory(ONE) / "link")
    slots.spoil(ONE)
    assert (outside / "precious").exists()
    assert not slots.holds(ONE)


def test_current_leads_to_what_is_in_force(tmp_path: Path, slots: BundleSlots) -> None:
    make(slots, ONE)
    make(slots, TWO)
    for slot in (ONE, TWO, TWO):
        slots.point_at(slot)
        assert (tmp_path / CURRENT / "file").read_text() == slot
    slots.point_at(INSTALLED)
    assert not (tmp_path / CURRENT).is_symlink()


def test_one_download_at_a_time_is_kept(slots: BundleSlots) -> None:
    slots.download(ONE).write_bytes(b"part")
    assert slots.download(ONE).read_bytes() == b"part"
    slots.download(TWO)
    assert not slots.download(ONE).exists()


def test_a_name_that_is_no_digest_leads_nowhere(slots: BundleSlots) -> None:
    with pytest.raises(IdentityError):
        slots.directory("../../etc")
