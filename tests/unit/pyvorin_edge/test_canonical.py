"""The canonical form is the article's `json.dumps`, and what has no such form is refused by its path."""

from __future__ import annotations

import datetime
import json
import math
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pyvorin_edge.canonical import canonical_bytes, config_hash, join_pointer
from pyvorin_edge.errors import CanonicalError

CASES = json.loads((Path(__file__).parent / "vectors/canonical.json").read_text())["cases"]
SCALARS = (
    st.none()
    | st.booleans()
    | st.integers(-(2**53), 2**53)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text()
)
DOCUMENTS = st.recursive(SCALARS, lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner), max_leaves=20)


@pytest.mark.parametrize("case", CASES, ids=range(len(CASES)))
def test_form_and_hash_are_the_vector_s(case: dict[str, str]) -> None:
    document = json.loads(case["json"])
    assert canonical_bytes(document).decode("ascii") == case["canonical"]
    assert config_hash(document) == case["config_hash"]


@given(DOCUMENTS)
def test_every_document_of_the_form_reads_back_equal(document: Any) -> None:
    again = json.loads(canonical_bytes(document))
    assert canonical_bytes(again) == canonical_bytes(document)


@given(st.dictionaries(st.text(), SCALARS, max_size=8), st.randoms(use_true_random=False))
def test_the_order_of_keys_does_not_change_the_hash(document: dict[str, Any], random: Any) -> None:
    keys = list(document)
    random.shuffle(keys)
    assert config_hash({key: document[key] for key in keys}) == config_hash(document)


def test_five_and_five_point_zero_differ() -> None:
    assert config_hash({"a": 5}) != config_hash({"a": 5.0})


@pytest.mark.parametrize(
    ("document", "pointer"),
    [
        ({"a": [1, {"b/c~": math.nan}]}, "/a/1/b~1c~0"),
        ({"a": math.inf}, "/a"),
        ({"a": 2**53 + 1}, "/a"),
        ({"a": -(2**53) - 1}, "/a"),
        ({"a": datetime.date(2026, 6, 2)}, "/a"),
        ({"a": b"bytes"}, "/a"),
        ({"a": {1: 2}}, "/a"),
        ({"a": "\ud800"}, "/a"),
        ({"\udfff": 1}, ""),
        ({"a": {1, 2}}, "/a"),
    ],
)
def test_what_has_no_canonical_form_is_refused_with_its_path(document: Any, pointer: str) -> None:
    with pytest.raises(CanonicalError) as refused:
        config_hash(document)
    assert refused.value.pointer == pointer


def test_pointers_escape_tilde_and_slash() -> None:
    assert join_pointer("/a", "b/c~d") == "/a/b~1c~0d"
