"""A device's change taken over: applied to release and overlay it gives the live document, and never a secret."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pyv_fleet.core.adopting import NULL, SECRET, UNREADABLE, Adoption, adoption
from pyv_fleet.core.words import AdoptWay
from pyvorin_edge.canonical import canonical_bytes
from pyvorin_edge.config.layers import merge_patch
from pyvorin_edge.config.redaction import REDACTED, redact

BASE: dict[str, Any] = {
    "logging": {"level": "INFO", "format": "json"},
    "sensors": {"devices": [{"name": "a", "every": 1}, {"name": "b", "every": 2}]},
    "cloud": {"api_key": "in clear", "endpoint": "https://one"},
}


def changed(live: Any, *, open_: tuple[str, ...] = ("/logging", "/sensors"), **more: Any) -> Adoption:
    terms: dict[str, Any] = {"base": BASE, "overlay": {}, "own": {}, "reported": (), "composed": lambda own: own}
    return adoption(**{**terms, "live": redact(live), "open_pointers": open_, "ignored": lambda _: False, **more})


def test_what_is_open_becomes_the_devices_own_and_what_is_closed_needs_a_release() -> None:
    live = merge_patch(BASE, {"logging": {"level": "DEBUG", "format": None}, "cloud": {"endpoint": "https://two"}})
    found = changed(live)
    assert found.own == {"logging": {"level": "DEBUG", "format": None}}
    assert found.patch == {"cloud": {"endpoint": "https://two"}}
    assert (found.by(AdoptWay.OWN), found.whole) == (("/logging/format", "/logging/level"), True)


def test_a_list_is_taken_whole_and_a_new_table_key_by_key() -> None:
    live = merge_patch(BASE, {"logging": {"file": {"path": "/a", "mb": 5}}})
    live["sensors"] = {"devices": [{"name": "a", "every": 9}, {"name": "b", "every": 2}]}
    found = changed(live)
    assert found.by(AdoptWay.OWN) == ("/logging/file/mb", "/logging/file/path", "/sensors/devices")
    assert found.own["sensors"]["devices"] == live["sensors"]["devices"]


@pytest.mark.parametrize(
    ("live", "reported", "pointer", "why"),
    [
        (merge_patch(BASE, {"cloud": {"api_key": "another"}}), ("/cloud/api_key",), "/cloud/api_key", SECRET),
        (merge_patch(BASE, {"cloud": {"token": "new"}}), (), "/cloud/token", SECRET),
        (merge_patch(BASE, {"sensors": {"devices": [{"name": "c", "password": "x"}]}}), (), "/sensors/devices", SECRET),
        (merge_patch(BASE, {"cloud": {"endpoint": "https://me:pw@two"}}), (), "/cloud/endpoint", SECRET),
        ({**BASE, "logging": {"level": None, "format": "json"}}, (), "/logging/level", NULL),
        (None, ("",), "", UNREADABLE),
    ],
)
def test_secrets_and_what_cannot_be_said_are_refused_by_key(
    live: Any, reported: tuple[str, ...], pointer: str, why: str
) -> None:
    found = changed(live, reported=reported)
    assert [(one.pointer, one.why) for one in found.keys if one.way is AdoptWay.REFUSED] == [(pointer, why)]
    assert (found.own, found.patch, found.whole) == ({}, {}, False)


def test_a_reference_to_a_secret_is_none_and_can_be_taken_over() -> None:
    found = changed(merge_patch(BASE, {"cloud": {"api_key": "${KEY}"}}))
    assert found.patch == {"cloud": {"api_key": "${KEY}"}}


def test_what_is_ignored_stays_out_and_what_was_mended_since_its_report_too() -> None:
    live = merge_patch(BASE, {"logging": {"level": "DEBUG"}})
    found = changed(live, reported=("/cloud/endpoint",), ignored=lambda path: path == "/logging/level")
    assert (found.keys, found.whole) == ((), True)


def test_a_value_over_a_groups_goes_over_it() -> None:
    group = {"logging": {"level": "WARN"}}
    live = merge_patch(BASE, {"logging": {"level": "DEBUG"}})
    found = changed(live, overlay=group, composed=lambda own: merge_patch(group, own))
    assert (found.own, found.whole) == ({"logging": {"level": "DEBUG"}}, True)


LEAF = (
    st.integers(-(2**53), 2**53)
    | st.booleans()
    | st.sampled_from(["x", "${V}"])
    | st.floats(allow_nan=False, allow_infinity=False)
)
KEY = st.sampled_from(["a", "b/c", "d~e", "token", "f"])
VALUE = st.recursive(LEAF, lambda inner: st.lists(inner, max_size=2) | st.dictionaries(KEY, inner, max_size=3))
TREE = st.dictionaries(KEY, VALUE, max_size=4)


@given(TREE, TREE, st.lists(st.sampled_from(["/a", "/b~1c", "/token", "/f"]), max_size=3))
def test_all_that_is_not_refused_together_makes_the_live_document(base: Any, live: Any, open_: list[str]) -> None:
    found = changed(live, base=base, open_=tuple(open_))
    made = merge_patch(merge_patch(base, found.patch), found.own)
    assert REDACTED.encode() not in canonical_bytes([found.own, found.patch])
    if not found.by(AdoptWay.REFUSED):
        assert found.whole
        assert canonical_bytes(redact(made)) == canonical_bytes(redact(live))
