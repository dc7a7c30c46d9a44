"""The first policy that fits decides what becomes of an item."""

from __future__ import annotations

import pytest

from pyv_edge_agent.cloud_sync.interface import Priority
from pyv_edge_agent.sensing.policies import Fate, Label, Policies
from pyv_edge_agent.sensing.settings import PolicySettings
from pyvorin_edge.vocabulary import ItemKind, Severity

READING = Label(ItemKind.READING, "t1")
EVENT = Label(ItemKind.EVENT, "t1", "warm", Severity.WARNING)


@pytest.mark.parametrize(
    ("label", "priority"),
    [
        (READING, Priority.TELEMETRY),
        (Label(ItemKind.DERIVED, "t1.w.mean"), Priority.TELEMETRY),
        (EVENT, Priority.ANOMALY),
        (Label(ItemKind.EVENT, "t1", "warm", Severity.INFO), Priority.ANOMALY),
        (Label(ItemKind.EVENT, "t1", "warm", Severity.CRITICAL), Priority.CRITICAL),
    ],
)
def test_without_a_policy_the_kind_and_the_severity_decide(label: Label, priority: Priority) -> None:
    assert Policies([]).fate(label, 0.0) == Fate(priority)


def test_the_first_that_fits_decides_alone() -> None:
    policies = Policies(
        [
            PolicySettings(kind=ItemKind.EVENT, rule_pattern="cold*"),
            PolicySettings(kind=ItemKind.EVENT, severity=Severity.WARNING, priority="critical", ttl_seconds=5.0),
            PolicySettings(drop=True),
        ]
    )
    assert policies.fate(EVENT, 0.0) == Fate(Priority.CRITICAL, 5.0)
    assert policies.fate(READING, 0.0) is None


def test_one_in_so_many_is_kept_of_each_sensor() -> None:
    policies = Policies([PolicySettings(sample_every=3)])
    assert [policies.fate(READING, 0.0) is not None for _ in range(5)] == [True, False, False, True, False]
    assert policies.fate(Label(ItemKind.READING, "t2"), 0.0) is not None


def test_so_many_a_minute_are_kept() -> None:
    policies = Policies([PolicySettings(per_minute_max=2)])
    kept = [policies.fate(READING, at) is not None for at in (0.0, 1.0, 2.0, 59.0, 60.0, 61.0, 62.0)]
    assert kept == [True, True, False, False, True, True, False]
