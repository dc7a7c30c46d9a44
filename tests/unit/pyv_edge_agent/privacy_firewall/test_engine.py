"""First match wins, metadata keys are reached at any depth, and nothing dropped is left anywhere."""

from __future__ import annotations

import json
from fnmatch import fnmatchcase as fnmatch
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from pyv_edge_agent.privacy_firewall.engine import (
    HASH_LETTERS,
    HASHED_PREFIX,
    MASKED,
    NAMES_MAX,
    Action,
    Cleared,
    PrivacyFirewall,
    Rule,
)


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
    assert first.value.startswith(HASHED_PREFIX)
    assert len(first.value) == len(HASHED_PREFIX) + HASH_LETTERS


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
        {"enabled": True, "default": "hash", "rules": [{"sensor_pattern": "t", "action": "drop"}]}, device_key=b"k"
    )
    assert wall.clear("t", 1, {}) is None
    hashed = wall.clear("u", 1, {})
    assert hashed is not None
    assert hashed.value != 1


def test_what_no_rule_names_falls_to_the_default() -> None:
    wall = PrivacyFirewall([Rule("t*", Action.ALLOW), Rule("who", Action.ALLOW)], device_key=b"k", default=Action.DROP)
    assert wall.clear("t1", 1, {"who": {"name": "x", "who": 2}, "other": 3}) == Cleared(1, {"who": {"who": 2}})
    assert wall.clear("humidity", 1, {}) is None


def test_another_spelling_of_a_name_does_not_pass() -> None:
    wall = firewall(("*email*", "drop"), ("*STRASSE*", "drop"))
    cleared = wall.clear("t", 1, {"ＥＭａｉｌ": 1, "E-Mail": 2, "Straße": 3, "eMAIL\n": 4})
    assert cleared == Cleared(1, {"E-Mail": 2})


def test_a_hash_tells_types_apart_and_not_places() -> None:
    wall = firewall(("*", "hash"))
    hashed = {json.dumps(value): wall.clear("t", value, {}) for value in (1, 1.0, True, "1", "true", None)}
    assert len({cleared.value for cleared in hashed.values() if cleared is not None}) == 6
    both = wall.clear("t", "a@b", {"from": "a@b"})
    assert both is not None
    assert both.value == both.metadata["from"]


def test_a_mask_does_not_tell_how_long_a_value_was() -> None:
    wall = firewall(("*", "mask"))
    assert wall.clear("t", "short", {"k": ["a", "b"]}) == wall.clear("t", "a longer one", {"k": {"a": 1}})


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


RULES = st.lists(
    st.tuples(st.sampled_from(["*", "secret*", "*a", "x", "plain", "SECRET?a"]), st.sampled_from(list(Action))),
    max_size=5,
)


@given(RULES, st.sampled_from(list(Action)), st.sampled_from(["secret_a", "plain", "x", "SECRET_A"]))
def test_precedence_is_the_order_of_the_rules_and_nothing_else(
    rules: list[tuple[str, Action]], default: Action, name: str
) -> None:
    wall = PrivacyFirewall([Rule(*rule) for rule in rules], device_key=b"k", default=default)
    wanted = next((action for pattern, action in rules if fnmatch(name.lower(), pattern.lower())), default)
    wall.clear("t", 1, {})
    before = wall.figures().counts[wanted]
    wall._judge(name)
    assert wall.figures().counts[wanted] == before + 1


@given(METADATA, RULES)
def test_metadata_that_is_handed_in_is_never_changed(metadata: dict[str, Any], rules: list[tuple[str, Action]]) -> None:
    before = json.dumps(metadata)
    PrivacyFirewall([Rule(*rule) for rule in rules], device_key=b"k").clear("t", 1, metadata)
    assert json.dumps(metadata) == before
