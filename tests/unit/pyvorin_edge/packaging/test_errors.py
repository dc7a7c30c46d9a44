"""Each fault has a sentence and a remedy, and what strangers named cannot play with a terminal."""

from __future__ import annotations

from pyvorin_edge.packaging.errors import REMEDIES, BundleError
from pyvorin_edge.vocabulary import BundleFault


def test_each_fault_says_what_to_do() -> None:
    assert REMEDIES.keys() == set(BundleFault)


def test_an_error_says_where_what_and_what_to_do() -> None:
    text = str(BundleError(BundleFault.EXTRA, "lib/x", "a file"))
    assert text.startswith("lib/x: something in it is not listed in its manifest: a file; remove it")


def test_a_hostile_name_is_shown_harmless_and_short() -> None:
    text = str(BundleError(BundleFault.PATH, "\x1b[2J" * 1000, "no"))
    assert text.isprintable()
    assert len(text) < 500
