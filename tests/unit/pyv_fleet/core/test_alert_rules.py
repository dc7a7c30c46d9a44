"""Rules are read strictly, and those that contradict themselves are refused by name."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from pyv_fleet.core.alert_rules import BUILT_IN, AlertRule, RuleError, in_words, refuse_rule, rule_of

QUEUE: dict[str, Any] = {"when": {"kind": "threshold", "figure": "queue_depth", "above": 5000}}


def test_the_built_in_rules_hold_the_article_s_limits_and_refuse_none_of_their_own() -> None:
    for name, rule in BUILT_IN.items():
        refuse_rule(name, rule)
    assert in_words(BUILT_IN["queue_depth"].when) == "queue_depth is above 5000"
    assert in_words(BUILT_IN["cpu"].when) == "cpu_percent is above 90"


def test_a_rule_is_the_same_when_it_comes_back_from_the_store() -> None:
    for rule in BUILT_IN.values():
        assert rule_of(msgspec.json.decode(msgspec.json.encode(rule))) == rule


def test_a_rule_never_raises_for_want_of_data_unless_it_says_so() -> None:
    assert not rule_of(QUEUE).absent
    assert not any(rule.absent for rule in BUILT_IN.values())


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"when": {"kind": "threshold", "figure": "queue_depth"}}, "above and below"),
        ({"when": {"kind": "threshold", "figure": "queue_depth", "above": 1, "below": 2}}, "above and below"),
        ({"when": {"kind": "threshold", "figure": "queue_deep", "above": 1}}, "queue_deep"),
        ({"when": {"kind": "threshold", "figure": "queue_depth", "above": 1, "clear": 2}}, "when.clear"),
        ({"when": {"kind": "threshold", "figure": "queue_depth", "below": 2, "clear": 1}}, "when.clear"),
        (
            {"when": {"kind": "rate", "figure": "queue_depth", "above": 1, "within_seconds": 60}, "absent": True},
            "absent",
        ),
        ({"where": {"site": ()}}, "where"),
        ({"where": {"si te": ("a",)}}, "where"),
        ({"for_seconds": 600, "correlate": {}}, "within_seconds"),
        ({"correlate": {"share_permyriad": 10, "clear_share_permyriad": 20}}, "clear_share_permyriad"),
    ],
)
def test_a_rule_that_contradicts_itself_is_refused_by_field(changes: dict[str, Any], field: str) -> None:
    with pytest.raises(RuleError, match=field):
        refuse_rule("mine", rule_of(QUEUE | changes))


@pytest.mark.parametrize("text", [{}, {"when": {"kind": "mood"}}, QUEUE | {"for_second": 1}, QUEUE | {"severity": "x"}])
def test_what_is_no_rule_is_refused(text: dict[str, Any]) -> None:
    with pytest.raises(RuleError):
        rule_of(text)


@pytest.mark.parametrize("name", ["", "Queue", "a-b", "1a", "a" * 65, "a\n"])
def test_a_name_that_is_none_is_refused(name: str) -> None:
    with pytest.raises(RuleError, match="name"):
        refuse_rule(name, rule_of(QUEUE))


def test_a_rate_says_within_which_time() -> None:
    rule = rule_of({"when": {"kind": "rate", "figure": "cloud.dead_letters", "above": 10, "within_seconds": 600}})
    refuse_rule("dead", rule)
    assert in_words(rule.when) == "cloud.dead_letters rose by more than 10 within 600 s"
    assert isinstance(rule, AlertRule)
