"""Settings are what a validated document says, with its words as words."""

from __future__ import annotations

from pyv_edge_agent.sensing.settings import PolicySettings, RuleSettings, WindowSettings
from pyvorin_edge.config.document import problems, with_defaults
from pyvorin_edge.vocabulary import Aggregate, ItemKind, Severity, WindowMode

DOCUMENT = with_defaults(
    {
        "windows": {"named": [{"name": "a", "aggregates": ["mean", "mean"]}, {"name": "b", "seconds": 5.0}]},
        "rules": [{"name": "r", "when": "true", "severity": "critical"}],
        "policies": [{"kind": "event", "severity": "info"}, {}],
    }
)


def test_settings_come_from_a_valid_document() -> None:
    assert problems(DOCUMENT) == ()
    one, other = (WindowSettings.from_document(window, 7) for window in DOCUMENT["windows"]["named"])
    assert (one.mode, one.size, one.seconds, one.aggregates) == (WindowMode.TUMBLING, 7, None, (Aggregate.MEAN,))
    assert (other.size, other.seconds) == (None, 5.0)
    assert RuleSettings.from_document(DOCUMENT["rules"][0]).severity is Severity.CRITICAL
    event, anything = (PolicySettings.from_document(policy) for policy in DOCUMENT["policies"])
    assert (event.kind, event.severity) == (ItemKind.EVENT, Severity.INFO)
    assert (anything.kind, anything.drop, anything.sample_every) == (None, False, 1)
