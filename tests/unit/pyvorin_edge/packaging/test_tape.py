"""The archive's one form: Python's own tarfile reads it, and whatever else tar can say is refused."""

from __future__ import annotations

import io
import tarfile

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pyvorin_edge.packaging.errors import BundleError
from pyvorin_edge.packaging.tape import END, Member, Tape, header_of
from pyvorin_edge.vocabulary import BundleFault


def fault_of(data: bytes) -> BundleFault:
    with pytest.raises(BundleError) as caught:
        Tape(io.BytesIO(data)).member()
    return caught.value.fault


def foreign(kind: bytes = tarfile.REGTYPE, form: int = tarfile.USTAR_FORMAT, **fields: object) -> bytes:
    """One member as Python's tarfile writes it."""
    info = tarfile.TarInfo("a")
    info.type = kind
    info.linkname = "b" if kind in (tarfile.LNKTYPE, tarfile.SYMTYPE) else ""
    for name, value in fields.items():
        setattr(info, name, value)
    return info.tobuf(form)


@given(
    st.lists(st.text("abé", min_size=1, max_size=40), min_size=1, max_size=4).map("/".join),
    st.integers(0, 8**11 - 1),
    st.booleans(),
)
def test_a_header_reads_as_it_was_written(path: str, size: int, executable: bool) -> None:
    tape = Tape(io.BytesIO(header_of(path, size, executable=executable)))
    assert tape.member() == Member(path, size, executable)


def test_tarfile_reads_our_headers() -> None:
    found = tarfile.TarInfo.frombuf(header_of("d" * 90 + "/" + "f" * 90, 5, executable=True), "utf-8", "strict")
    assert (found.name, found.size, found.mode, found.uid, found.mtime) == ("d" * 90 + "/" + "f" * 90, 5, 0o755, 0, 0)


def test_the_end_is_two_empty_blocks() -> None:
    assert Tape(io.BytesIO(END)).member() is None


@pytest.mark.parametrize("kind", [tarfile.LNKTYPE, tarfile.SYMTYPE, tarfile.CHRTYPE, tarfile.BLKTYPE, tarfile.DIRTYPE])
def test_links_devices_and_directories_are_refused(kind: bytes) -> None:
    assert fault_of(foreign(kind)) is BundleFault.KIND


@pytest.mark.parametrize(
    "block",
    [
        foreign(tarfile.FIFOTYPE), foreign(tarfile.CONTTYPE), foreign(tarfile.GNUTYPE_SPARSE),
        foreign(tarfile.AREGTYPE),        foreign(tarfile.XHDTYPE), foreign(tarfile.XGLTYPE),
        foreign(tarfile.GNUTYPE_LONGNAME), foreign(mode=0o777),
        foreign(mode=0o4755), foreign(uid=1), foreign(mtime=1), foreign(uname="root"),
        foreign(form=tarfile.GNU_FORMAT), foreign(form=tarfile.GNU_FORMAT, size=8**12),
        foreign(form=tarfile.PAX_FORMAT, name="b" * 300), b"\x01" * 512,
    ],
)  # fmt: skip
def test_every_other_way_to_write_a_member_is_refused(block: bytes) -> None:
    assert fault_of(block) in (BundleFault.ARCHIVE, BundleFault.KIND)


@pytest.mark.parametrize("name", ["../a", "/a", "a/../b", "a\\b"])
def test_a_name_that_leads_out_is_refused(name: str) -> None:
    assert fault_of(foreign(name=name)) is BundleFault.PATH


@pytest.mark.parametrize(
    ("data", "fault"),
    [
        (END + b"x", BundleFault.ARCHIVE),
        (END[:512] + b"x" * 512, BundleFault.ARCHIVE),
        (END[:600], BundleFault.CUT_SHORT),
        (b"", BundleFault.CUT_SHORT),
        (b"\x1f\x8b" + bytes(100), BundleFault.ARCHIVE),
        (b"\x1f\x8b", BundleFault.CUT_SHORT),
    ],
)
def test_nothing_hides_behind_the_end(data: bytes, fault: BundleFault) -> None:
    assert fault_of(data) is fault
