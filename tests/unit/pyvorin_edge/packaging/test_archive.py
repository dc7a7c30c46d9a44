"""An archive comes out as it went in; whatever else it may be, it is refused, and nothing lands elsewhere."""

from __future__ import annotations

import contextlib
import gzip
import io
import os
import tempfile
import zlib
from collections.abc import Mapping
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pyvorin_edge.packaging.archive import pack, unpack
from pyvorin_edge.packaging.errors import BundleError
from pyvorin_edge.packaging.limits import BundleLimits
from pyvorin_edge.packaging.tape import END, header_of
from pyvorin_edge.packaging.verifier import verify_bundle
from pyvorin_edge.vocabulary import BundleFault
from running.bundles import FILES, TRUST, archive_of, manifest_digest, signed

SMALL = {"a/b": b"1" * 700, "c": b""}


def tar(*members: tuple[str, bytes], end: bytes = END) -> bytes:
    """A tar of our form, with whatever members."""
    return b"".join(_member(path, content) for path, content in members) + end


def _member(path: str, content: bytes) -> bytes:
    return header_of(path, len(content), executable=False) + content + bytes(-len(content) % 512)


def tree_of(directory: Path) -> Mapping[str, bytes | None]:
    return {
        str(one.relative_to(directory)): one.read_bytes() if one.is_file() else None for one in directory.rglob("*")
    }


def fault_of(data: bytes, into: Path, limits: BundleLimits | None = None) -> BundleFault:
    with pytest.raises(BundleError) as caught:
        unpack(io.BytesIO(data), into, limits or BundleLimits())
    return caught.value.fault


def test_a_bundle_comes_out_as_it_went_in(tmp_path: Path) -> None:
    source = signed(tmp_path / "source")
    unpack(archive_of(source), tmp_path / "target")
    assert tree_of(tmp_path / "target") == tree_of(source)
    assert verify_bundle(tmp_path / "target", manifest_digest(source), TRUST).executable == {"bin/agent"}


def test_the_same_bundle_gives_the_same_archive(tmp_path: Path) -> None:
    first, second = signed(tmp_path / "one"), signed(tmp_path / "two", dict(reversed(FILES.items())))
    os.utime(second / "zeros", (1, 1))
    assert archive_of(first).read() == archive_of(second).read()


def test_an_archive_says_what_it_is(tmp_path: Path) -> None:
    source = signed(tmp_path / "source")
    packed = pack(source, tmp_path / "out")
    assert packed.size == (tmp_path / "out").stat().st_size
    assert packed.manifest_sha256 == manifest_digest(source)


def test_plain_tar_is_taken_too(tmp_path: Path) -> None:
    source = signed(tmp_path / "source")
    unpack(io.BytesIO(gzip.decompress(archive_of(source).read())), tmp_path / "target")
    assert tree_of(tmp_path / "target") == tree_of(source)


def test_what_changed_since_it_was_signed_is_not_packed(tmp_path: Path) -> None:
    source = signed(tmp_path / "source")
    (source / "zeros").write_bytes(b"1" * 512)
    with pytest.raises(BundleError, match="zeros"):
        pack(source, tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_an_archive_within_its_bundle_is_refused(tmp_path: Path) -> None:
    source = signed(tmp_path / "source")
    with pytest.raises(BundleError, match="within"):
        pack(source, source / "out.tar.gz")


@pytest.mark.parametrize(
    ("members", "fault"),
    [
        ([], BundleFault.ARCHIVE),
        ([("a", b"")], BundleFault.ARCHIVE),
        ([("manifest.json", b"{}")], BundleFault.ARCHIVE),
        ([("manifest.json", b"{}"), ("b", b""), ("a", b"")], BundleFault.ARCHIVE),
        ([("manifest.json", b"{}"), ("a", b""), ("a", b"")], BundleFault.ARCHIVE),
        ([("manifest.json", b"{}"), ("A", b""), ("a", b"")], BundleFault.CLASH),
        ([("manifest.json", b"{}"), ("a", b""), ("a/b", b"")], BundleFault.CLASH),
        ([("manifest.json", b"{}"), ("manifest.json", b"")], BundleFault.CLASH),
        ([("manifest.json", b" " * 2_000_000), ("a", b"")], BundleFault.LIMIT),
    ],
)
def test_members_out_of_order_or_twice_are_refused(
    tmp_path: Path, members: list[tuple[str, bytes]], fault: BundleFault
) -> None:
    assert fault_of(tar(*members), tmp_path / "into") is fault


@pytest.mark.parametrize(
    "limits", [BundleLimits(files=2), BundleLimits(file_bytes=600), BundleLimits(total_bytes=1500)]
)
def test_limits_hold_before_the_bytes_are_there(tmp_path: Path, limits: BundleLimits) -> None:
    manifest, small = ("manifest.json", b"{}"), [("a", b"1" * 600), ("b", b"2" * 600)]
    whole = tar(manifest, *small, end=b"") + header_of("c", 700, executable=False)  # and not one byte of c
    assert fault_of(whole, tmp_path / "into", limits) is BundleFault.LIMIT


def test_a_zip_bomb_is_refused_by_its_header(tmp_path: Path) -> None:
    deflate = zlib.compressobj(9, zlib.DEFLATED, 31)
    bomb = deflate.compress(tar(("manifest.json", b"{}"), end=b"") + header_of("a", 8**10, executable=False))
    bomb += b"".join(deflate.compress(bytes(1 << 20)) for _ in range(64)) + deflate.flush()
    assert fault_of(bomb, tmp_path / "into") is BundleFault.LIMIT
    assert not (tmp_path / "into/a").exists()


def test_bytes_in_the_padding_are_refused(tmp_path: Path) -> None:
    data = bytearray(tar(("manifest.json", b"{}"), ("a", b"1")))
    data[1023] = 1
    assert fault_of(bytes(data), tmp_path / "into") is BundleFault.ARCHIVE


def test_a_second_gzip_frame_is_refused(tmp_path: Path) -> None:
    whole = archive_of(signed(tmp_path / "source")).read()
    assert fault_of(whole + gzip.compress(b"more"), tmp_path / "into") is BundleFault.ARCHIVE


def test_a_directory_in_use_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "mine").write_bytes(b"mine")
    assert fault_of(archive_of(signed(tmp_path / "source")).read(), tmp_path) is BundleFault.OCCUPIED
    assert (tmp_path / "mine").read_bytes() == b"mine"


def test_a_link_to_an_empty_directory_is_not_followed(tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "into").symlink_to("elsewhere")
    assert fault_of(archive_of(signed(tmp_path / "source")).read(), tmp_path / "into") is BundleFault.OCCUPIED
    assert not any((tmp_path / "elsewhere").iterdir())


def test_every_file_and_directory_is_synced_after_its_last_change(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source, target = signed(tmp_path / "source"), tmp_path / "target"
    archive = archive_of(source)
    synced = []
    monkeypatch.setattr(os, "fsync", lambda descriptor: synced.append(os.readlink(f"/proc/self/fd/{descriptor}")))
    unpack(archive, target)
    everything = {str(target), *(str(one) for one in target.rglob("*"))}
    assert set(synced) == everything
    assert synced[-4:] == [str(target / name) for name in ("lib/inner", "lib", "bin")] + [str(target)]


def test_every_cut_is_refused(tmp_path: Path) -> None:
    whole = archive_of(signed(tmp_path / "source", SMALL)).read()
    for length in range(len(whole)):
        assert fault_of(whole[:length], tmp_path / f"into-{length}") is BundleFault.CUT_SHORT


@given(st.data())
def test_a_mutated_archive_never_leaves_its_directory(data: st.DataObject) -> None:
    with tempfile.TemporaryDirectory() as name:
        room = Path(name)
        whole = bytearray(_small_archive(data.draw(st.booleans())))
        for _ in range(data.draw(st.integers(1, 4))):
            at = data.draw(st.integers(0, len(whole) - 1))
            whole[at : at + data.draw(st.integers(0, 8))] = data.draw(st.binary(max_size=8))
        with contextlib.suppress(BundleError):
            unpack(io.BytesIO(bytes(whole)), room / "into")
        assert [one.name for one in room.iterdir()] == ["into"]
        assert not any(one.is_symlink() for one in room.rglob("*"))


@given(st.binary(max_size=2000))
def test_noise_is_refused(noise: bytes) -> None:
    with tempfile.TemporaryDirectory() as name, pytest.raises(BundleError):
        unpack(io.BytesIO(noise), Path(name) / "into")


def _small_archive(compressed: bool) -> bytes:
    whole = tar(("manifest.json", b'{"a": 1}'), ("a/b", b"1" * 700), ("c", b""))
    return gzip.compress(whole, mtime=0) if compressed else whole
