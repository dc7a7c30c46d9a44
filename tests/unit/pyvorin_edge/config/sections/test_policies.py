"""What a config may say about policies."""

from __future__ import annotations

from typing import Any

import pytest

from pyvorin_edge.config.document import problems, with_defaults


def wrong(policy: Any) -> list[str]:
    return [str(problem) for problem in problems(with_defaults({"policies": [policy]}))]


def test_whole_policies_are_valid() -> None:
    assert (
        wrong({"kind": "event", "rule_pattern": "*", "severity": "info", "priority": "logs", "ttl_seconds": 60}) == []
    )
    assert wrong({"sensor_pattern": "t*", "sample_every": 10, "per_minute_max": 6}) == []
    assert wrong({"kind": "derived", "drop": True}) == []


@pytest.mark.parametrize(
    ("policy", "sentence"),
    [
        ({"rule_pattern": "*"}, '/policies/0/rule_pattern: only with kind = "event"'),
        ({"kind": "reading", "severity": "info"}, '/policies/0/severity: only with kind = "event"'),
        ({"kind": "event", "sample_every": 2}, "/policies/0/sample_every: events are not sampled"),
        ({"drop": True, "priority": "logs"}, "/policies/0/priority: what is dropped has none"),
        ({"priority": "urgent"}, "/policies/0/priority: must be critical"),
        ({"kind": "noise"}, "/policies/0/kind: must be reading"),
        (5, "/policies/0: must be a table"),
    ],
)
def test_each_fault_is_named_by_its_field(policy: Any, sentence: str) -> None:
    assert any(line.startswith(sentence) for line in wrong(policy)), wrong(policy)
