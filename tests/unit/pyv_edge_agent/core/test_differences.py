"""Values beside each other where the live config differs; what is secret is not shown."""

from __future__ import annotations

import json

from hypothesis import given
from hypothesis import strategies as st

from pyv_edge_agent.core.differences import Change, changes
from pyvorin_edge.drift import differing_paths

LEAF = st.one_of(st.none(), st.booleans(), st.integers(-9, 9), st.text(max_size=4))
DOCUMENT = st.dictionaries(
    st.sampled_from(["a", "b/c", "d~e", "list"]),
    st.recursive(LEAF, lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text(max_size=2), inner)),
)


def test_changed_added_and_removed_keys_show_both_sides() -> None:
    applied, live = {"a": 1, "gone": True}, {"a": 2, "new": "x"}
    found = changes(applied, live, differing_paths(applied, live))
    assert found == (
        Change(path="/a", applied="1", live="2"),
        Change(path="/gone", applied="true", live=None),
        Change(path="/new", applied=None, live='"x"'),
    )


def test_secrets_are_hidden_by_name_also_below_and_in_urls() -> None:
    applied = {"cloud": {"api_key": "AAAA", "tokens": {"x": "BBBB"}, "endpoint": "https://u:CCCC@h/"}}
    live = {"cloud": {"api_key": "DDDD", "tokens": {"x": "EEEE"}, "endpoint": "https://u:FFFF@h/"}}
    text = str(changes(applied, live, differing_paths(applied, live)))
    assert not any(letter * 4 in text for letter in "ABCDEF")
    assert text.count("[redacted]") == 6


@given(DOCUMENT, DOCUMENT)
def test_every_differing_path_has_its_values(applied: object, live: object) -> None:
    for one in changes(applied, live, differing_paths(applied, live)):
        assert (one.applied is None and one.live is None) or one.applied != one.live
        for text in (one.applied, one.live):
            assert text is None or text.endswith("…") or json.loads(text) == json.loads(text)
