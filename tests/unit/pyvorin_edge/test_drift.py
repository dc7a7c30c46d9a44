"""Drift is not lag, unknown is not drift, and a difference is named by its key path, never by its value."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pyvorin_edge.canonical import canonical_bytes
from pyvorin_edge.drift import differing_paths, lags, standing
from pyvorin_edge.identity import Digest
from pyvorin_edge.orders import EMPTY_OVERLAY, Target
from pyvorin_edge.vocabulary import DriftKind, RuleKind, Standing

EDITED = (DriftKind.EDITED,)


@pytest.mark.parametrize(
    ("applied", "live", "kinds", "lagging", "expected"),
    [
        ("h", "h", (), False, Standing.IN_STEP),
        ("h", "h", (), True, Standing.LAGGING),
        ("h", "h", (), None, Standing.UNKNOWN),
        ("h", "x", EDITED, False, Standing.DRIFTED),
        ("h", "x", EDITED, None, Standing.DRIFTED),
        ("h", "x", EDITED, True, Standing.BOTH),
        ("h", "h", (DriftKind.ENVIRONMENT,), False, Standing.DRIFTED),
        ("h", None, EDITED, False, Standing.DRIFTED),
        ("h", None, (), False, Standing.UNKNOWN),
        (None, "h", (), False, Standing.UNKNOWN),
        (None, "h", EDITED, True, Standing.UNKNOWN),
    ],
)
def test_standing_is_one_word_for_both(applied: Any, live: Any, kinds: Any, lagging: Any, expected: Standing) -> None:
    assert standing(applied_hash=applied, live_hash=live, kinds=kinds, lagging=lagging) is expected


def target(release: str, overlay: str = EMPTY_OVERLAY, attempt: int = 1) -> Target:
    return Target(release=Digest(release), overlay=Digest(overlay), attempt=attempt, kind=RuleKind.RELEASE)


def test_lag_is_by_release_and_overlay_never_by_attempt() -> None:
    assert lags(target("a", attempt=1), target("a", attempt=2)) is False
    assert lags(target("a"), target("b")) is True
    assert lags(target("a", "o"), target("a", "p")) is True
    assert lags(None, target("a")) is True
    assert lags(target("a"), None) is None
    assert lags(None, None) is None


@pytest.mark.parametrize(
    ("one", "other", "paths"),
    [
        ({"a": {"b": 1, "c": 2}}, {"a": {"b": 1, "c": 3}}, ("/a/c",)),
        ({"a": 1}, {"a": 1, "b": {"c": 1}}, ("/b",)),
        ({"a": 5}, {"a": 5.0}, ("/a",)),
        ({"a": True}, {"a": 1}, ("/a",)),
        ({"a": [1, 2, 3]}, {"a": [1, 9, 3]}, ("/a/1",)),
        ({"a": [1]}, {"a": [1, 2]}, ("/a",)),
        ({"a": {"x/y~": 1}}, {"a": {"x/y~": 2}}, ("/a/x~1y~0",)),
        ({"a": {}}, {"a": []}, ("/a",)),
        ({"a": None}, {}, ("/a",)),
        ({"b": 1, "a": 1}, {"a": 2, "b": 2}, ("/a", "/b")),
        (1, 2, ("",)),
    ],
)
def test_a_difference_is_named_by_its_key_path(one: Any, other: Any, paths: tuple[str, ...]) -> None:
    assert differing_paths(one, other) == paths


SCALARS = st.none() | st.booleans() | st.integers(-3, 3) | st.sampled_from([1.0, 0.5]) | st.text("a/~", max_size=2)
DOCUMENTS = st.dictionaries(
    st.text("ab/~", max_size=2),
    st.recursive(
        SCALARS,
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text("ab/~", max_size=2), inner, max_size=3),
        max_leaves=8,
    ),
    max_size=4,
)


@given(DOCUMENTS, DOCUMENTS)
def test_paths_differ_exactly_when_hashes_do(one: Any, other: Any) -> None:
    assert bool(differing_paths(one, other)) == (canonical_bytes(one) != canonical_bytes(other))


@given(DOCUMENTS, DOCUMENTS)
def test_a_difference_has_no_direction(one: Any, other: Any) -> None:
    assert differing_paths(one, other) == differing_paths(other, one)


@given(DOCUMENTS, DOCUMENTS)
def test_no_path_is_named_twice_and_each_leads_to_a_difference(one: Any, other: Any) -> None:
    paths = differing_paths(one, other)
    assert len(set(paths)) == len(paths)
    for path in paths:
        assert _at(one, path) is MISSING or _at(other, path) is MISSING or _bytes(one, path) != _bytes(other, path)


MISSING = object()


def _at(document: Any, pointer: str) -> Any:
    for part in pointer.split("/")[1:]:
        key = part.replace("~1", "/").replace("~0", "~")
        if isinstance(document, list):
            document = document[int(key)]
        elif key in document:
            document = document[key]
        else:
            return MISSING
    return document


def _bytes(document: Any, pointer: str) -> bytes:
    return canonical_bytes(_at(document, pointer))
