"""A path is taken only if it means one and the same file everywhere."""

from __future__ import annotations

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pyvorin_edge.packaging.errors import BundleError
from pyvorin_edge.packaging.paths import Paths, parents_of, refuse_path, split_for_tar
from pyvorin_edge.vocabulary import BundleFault


@pytest.mark.parametrize(
    "path",
    [
        "", "/", "/etc/passwd", "a//b", "a/", "./a", "a/./b", "../a", "a/../b", "..", ".", "a\\b", "a\nb", "a\x00b",
        "a\u202eb", "a\u2028b", "\udcff", "e\u0301", "/".join("a" * 17), "n" * 101, "a" * 156 + "/" + "b" * 100,
    ],
)  # fmt: skip
def test_a_path_that_could_lead_astray_is_refused(path: str) -> None:
    with pytest.raises(BundleError) as caught:
        refuse_path(path)
    assert caught.value.fault is BundleFault.PATH


@pytest.mark.parametrize("path", ["a", "lib/é.py", "a b/c", ".hidden", "a..b", "p" * 100 + "/" + "n" * 100])
def test_a_plain_path_is_taken(path: str) -> None:
    refuse_path(path)


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ("a", "a"), ("lib/A", "lib/a"), ("Lib/a", "lib/b"), ("straße", "STRASSE"), ("ﬁle", "file"), ("a", "a/b"),
        ("a/b", "a"), ("a/b", "A"), ("x", "manifest.json"), ("x", "MANIFEST.JSON"), ("x", "manifest.json/y"),
    ],
)  # fmt: skip
def test_two_paths_that_may_be_one_file_clash(first: str, second: str) -> None:
    paths = Paths()
    paths.add(first)
    with pytest.raises(BundleError) as caught:
        paths.add(second)
    assert caught.value.fault is BundleFault.CLASH


def test_files_may_share_directories() -> None:
    paths = Paths()
    for path in ("a/b/c", "a/b/d", "a/e", "f/manifest.json"):
        paths.add(path)


def test_parents_are_named_outermost_first() -> None:
    assert list(parents_of("a/b/c")) == ["a", "a/b"]


@given(st.lists(st.text("aé", min_size=1, max_size=120), min_size=1, max_size=6).map("/".join))
def test_a_split_joins_to_the_path_again(path: str) -> None:
    parts = split_for_tar(path)
    if parts is not None:
        prefix, name = parts
        assert len(prefix) <= 155
        assert len(name) <= 100
        assert (prefix + b"/" + name if prefix else name) == path.encode()


@given(st.text())
def test_any_text_is_taken_or_refused(path: str) -> None:
    with contextlib.suppress(BundleError):
        refuse_path(path)
        assert split_for_tar(path)
