"""First match wins, metadata keys are reached at any depth, and nothing dropped is left anywhere."""

from __future__ import annotations

import json
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from pyv_edge_agent.privacy_firewall.engine import MASKED, NAMES_MAX, Action, Cleared, PrivacyFirewall, Rule


def firewall(*rules: tuple[str, str], enabled: bool = True, key: bytes = b"k") -> PrivacyFirewall:
    return PrivacyFirewall(
        [Rule(pattern, Action(action)) for pattern, action in rules], device_key=key, enabled=enabled
    )


def test_without_a_matching_rule_a_reading_passes() -> None:
    assert firewall(("x*", "drop")).clear("t", 1.5, {"a": 1}) == Cleared(1.5, {"a": 1})


def test_the_first_rule_that_matches_counts() -> None:
    wall = firewall(("temp-ok", "allow"), ("temp*", "mask"), ("*", "drop"))
    assert wall.clear("temp-ok", 1, {}) == Cleared(1, {})
    assert wall.clear("temp-2", 1, {}) == Cleared(MASKED, {})
    assert wall.clear("other", 1, {}) is None


def test_patterns_reach_metadata_keys_at_any_depth_and_in_any_case() -> None:
    wall = firewall(("*email*", "drop"), ("*password*", "mask"))
    cleared = wall.clear("t", 1, {"who": [{"Email": "a@b", "n": 1}], "PassWord": {"x": 1}, "k": 2})
    assert cleared == Cleared(1, {"who": [{"n": 1}], "PassWord": MASKED, "k": 2})


def test_hashes_are_equal_on_one_device_and_differ_between_devices() -> None:
    one, other = firewall(("*", "hash"), key=b"1"), firewall(("*", "hash"), key=b"2")
    first, again, elsewhere = one.clear("t", "a@b", {}), one.clear("t", "a@b", {}), other.clear("t", "a@b", {})
    assert first == again != elsewhere
    assert first is not None
    assert len(first.value) == 64


def test_switched_off_everything_passes_and_no_rule_is_active() -> None:
    wall = firewall(("*", "drop"), enabled=False)
    assert wall.clear("t", 1, {"a": 2}) == Cleared(1, {"a": 2})
    assert (wall.figures().enabled, wall.figures().rules_active) == (False, 0)


def test_figures_name_fields_and_count_actions() -> None:
    wall = firewall(("*password*", "drop"), ("pin", "mask"), ("*email*", "hash"))
    wall.clear("t", 1, {"password": "p", "pin": 1, "email": "e"})
    wall.clear("t", 1, {"password": "p"})
    figures = wall.figures()
    assert (figures.rules_active, figures.fields_redacted, figures.fields_hashed) == (
        3,
        ("password", "pin"),
        ("email",),
    )
    assert figures.counts == {"mask": 1, "drop": 2, "hash": 1, "allow": 2}


def test_names_kept_are_bounded() -> None:
    wall = firewall(("*", "drop"))
    for number in range(1000):
        wall.clear(f"sensor-{number}", 1, {})
    assert len(wall.figures().fields_redacted) == NAMES_MAX


def test_rules_come_from_the_document() -> None:
    wall = PrivacyFirewall.from_document(
        {"enabled": True, "rules": [{"sensor_pattern": "*", "action": "drop"}]}, device_key=b"k"
    )
    assert wall.clear("t", 1, {}) is None


METADATA = st.dictionaries(
    st.sampled_from(["secret_a", "SECRET", "plain", "x"]),
    st.recursive(
        st.just("VALUE-1") | st.integers(),
        lambda inner: (
            st.lists(inner, max_size=2) | st.dictionaries(st.sampled_from(["secret_b", "y"]), inner, max_size=2)
        ),
        max_leaves=5,
    ),
)


@given(METADATA, st.sampled_from(["drop", "mask", "hash"]))
def test_what_stands_under_a_ruled_name_never_passes(metadata: dict[str, Any], action: str) -> None:
    cleared = firewall(("*secret*", action)).clear("t", 1, metadata)
    assert cleared is not None
    assert under_secret(cleared.metadata) <= {json.dumps(MASKED)} or action == "hash"
    assert "VALUE-1" not in "".join(under_secret(cleared.metadata))


def under_secret(value: Any) -> set[str]:
    """Everything that stands under a key with `secret` in its name, as JSON."""
    match value:
        case dict():
            return {
                said
                for key, item in value.items()
                for said in ({json.dumps(item)} if "secret" in key.lower() else under_secret(item))
            }
        case list():
            return {said for item in value for said in under_secret(item)}
    return set()
