"""An archive is judged without unpacking it, as a device judges what it unpacked."""

from __future__ import annotations

import gzip
import io
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pyvorin_edge.packaging.errors import BundleError
from pyvorin_edge.packaging.inspection import inspect
from pyvorin_edge.packaging.tape import END, header_of
from pyvorin_edge.trust import from_key
from pyvorin_edge.vocabulary import BundleFault
from running.bundles import FILES, TRUST, archive_of, manifest_digest, signed


def rebuilt(root: Path, files: dict[str, bytes], executable: frozenset[str] = frozenset({"bin/agent"})) -> io.BytesIO:
    """An archive of the signed manifest with other files."""
    members = [("manifest.json", (root / "manifest.json").read_bytes()), *sorted(files.items())]
    parts = [
        header_of(path, len(content), executable=path in executable) + content + bytes(-len(content) % 512)
        for path, content in members
    ]
    return io.BytesIO(b"".join(parts) + END)


def test_a_whole_archive_says_what_a_release_names(tmp_path: Path) -> None:
    root = signed(tmp_path / "b")
    found = inspect(archive_of(root))
    found.refuse_unsigned(TRUST)
    assert (found.manifest.version, found.manifest_sha256) == ("1.0", manifest_digest(root))


def test_a_strangers_archive_is_refused_by_the_role(tmp_path: Path) -> None:
    found = inspect(archive_of(signed(tmp_path / "b")))
    with pytest.raises(BundleError) as caught:
        found.refuse_unsigned(from_key(bytes(32)))
    assert caught.value.fault is BundleFault.SIGNATURE


@pytest.mark.parametrize(
    ("change", "fault"),
    [
        ({"zeros": b"1" * 512}, BundleFault.CONTENT),
        ({"zeros": b"1"}, BundleFault.CONTENT),
        ({"zzz": b""}, BundleFault.EXTRA),
        ({"zeros": None}, BundleFault.MISSING),
    ],
)
def test_another_file_than_was_signed_is_refused(
    tmp_path: Path, change: dict[str, bytes | None], fault: BundleFault
) -> None:
    files = {path: content for path, content in {**FILES, **change}.items() if content is not None}
    with pytest.raises(BundleError) as caught:
        inspect(rebuilt(signed(tmp_path / "b"), files))
    assert caught.value.fault is fault


def test_another_mode_than_was_signed_is_refused(tmp_path: Path) -> None:
    with pytest.raises(BundleError) as caught:
        inspect(rebuilt(signed(tmp_path / "b"), dict(FILES), frozenset()))
    assert caught.value.fault is BundleFault.MODE


def test_an_empty_archive_is_refused() -> None:
    with pytest.raises(BundleError, match="no file"):
        inspect(io.BytesIO(END))


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.data())
def test_a_mutated_archive_is_refused_or_the_same(tmp_path: Path, data: st.DataObject) -> None:
    root = tmp_path / "b"
    if not root.exists():
        signed(root, {"a/b": b"1" * 700, "c": b""})
    whole = bytearray(gzip.decompress(archive_of(root).read()))
    at = data.draw(st.integers(0, len(whole) - 1))
    whole[at] ^= data.draw(st.integers(1, 255))
    with pytest.raises(BundleError):
        inspect(io.BytesIO(bytes(whole))).refuse_unsigned(TRUST)
