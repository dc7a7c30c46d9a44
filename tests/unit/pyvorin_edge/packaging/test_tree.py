"""A directory passes only if it holds what was signed, and nothing else of any kind."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from pyvorin_edge.packaging.errors import BundleError
from pyvorin_edge.packaging.limits import BundleLimits
from pyvorin_edge.packaging.manifest import Manifest, parse_manifest
from pyvorin_edge.packaging.tree import check_files, files_in
from pyvorin_edge.vocabulary import BundleFault
from running.bundles import FILES, signed


def manifest_of(directory: Path) -> Manifest:
    return parse_manifest((directory / "manifest.json").read_bytes()).manifest


def test_what_was_signed_passes(tmp_path: Path) -> None:
    check_files(signed(tmp_path), manifest_of(tmp_path))


def hard_link(root: Path) -> None:
    (root / "zeros").unlink()
    os.link(root / "lib/empty", root / "zeros")


def link(root: Path) -> None:
    (root / "zeros").rename(root.parent / "elsewhere")
    (root / "zeros").symlink_to(root.parent / "elsewhere")


def pipe(root: Path) -> None:
    (root / "zeros").unlink()
    os.mkfifo(root / "zeros")


def linked_directory(root: Path) -> None:
    (root / "lib").rename(root.parent / "lib")
    (root / "lib").symlink_to(root.parent / "lib")


@pytest.mark.parametrize(
    ("spoil", "fault"),
    [
        (lambda root: (root / "more").write_bytes(b""), BundleFault.EXTRA),
        (lambda root: (root / "lib/manifest.json").write_bytes(b""), BundleFault.EXTRA),
        (lambda root: (root / "hollow").mkdir(), BundleFault.EXTRA),
        (lambda root: (root / b"\xff".decode("utf-8", "surrogateescape")).write_bytes(b""), BundleFault.EXTRA),
        (lambda root: (root / "zeros").unlink(), BundleFault.MISSING),
        (lambda root: (root / "zeros").write_bytes(bytes(511) + b"1"), BundleFault.CONTENT),
        (lambda root: (root / "zeros").write_bytes(bytes(513)), BundleFault.CONTENT),
        (lambda root: (root / "zeros").chmod(0o755), BundleFault.MODE),
        (lambda root: (root / "bin/agent").chmod(0o644), BundleFault.MODE),
        (lambda root: (root / "bin/agent").chmod(0o4755), BundleFault.MODE),
        (hard_link, BundleFault.KIND),
        (link, BundleFault.KIND),
        (linked_directory, BundleFault.KIND),
        (pipe, BundleFault.KIND),
    ],
)  # fmt: skip
def test_whatever_differs_is_refused(tmp_path: Path, spoil: Callable[[Path], object], fault: BundleFault) -> None:
    root = signed(tmp_path / "bundle")
    spoil(root)
    with pytest.raises(BundleError) as caught:
        check_files(root, manifest_of(root))
    assert caught.value.fault is fault


@pytest.mark.parametrize(
    "limits", [BundleLimits(files=3), BundleLimits(file_bytes=1000), BundleLimits(total_bytes=1000)]
)
def test_limits_hold_before_a_file_is_opened(tmp_path: Path, limits: BundleLimits) -> None:
    with pytest.raises(BundleError) as caught:
        list(files_in(signed(tmp_path), limits))
    assert caught.value.fault is BundleFault.LIMIT


def test_the_manifest_itself_is_not_listed(tmp_path: Path) -> None:
    assert {one.path for one in files_in(signed(tmp_path))} == FILES.keys()
