"""The gate: good within, then seen to be good for; time alone passes nothing, an absent figure is not enough."""

from __future__ import annotations

from typing import Any

import pytest

from pyv_edge_agent.core.gate import Failed, Passed, Proof, judge, next_look, seen, shortfall
from pyvorin_edge.orders import Gate, Require
from pyvorin_edge.vocabulary import HealthStatus

GATE = Gate(within_seconds=60, hold_seconds=10)
GOOD: dict[str, Any] = {"status": "healthy", "ingest": {"adapters_connected": ["a", "b"], "devices_configured": 2}}
ONE_OF_TWO: dict[str, Any] = {"ingest": {"adapters_connected": ["a"], "devices_configured": 2}}
SICK: dict[str, Any] = {**GOOD, "status": "unhealthy", "reasons": ["sensor a is silent"]}


def looked(*looks: tuple[float, dict[str, Any]], gate: Gate = GATE) -> Proof:
    proof = Proof(began=0.0)
    for uptime, document in looks:
        proof = seen(proof, gate, document, uptime)
    return proof


def test_good_for_as_long_as_it_asks_passes() -> None:
    proof = looked((1.0, GOOD), (6.0, GOOD), (11.0, GOOD))
    assert judge(proof, GATE, 11.0) == Passed()


def test_good_for_too_short_is_not_decided() -> None:
    assert judge(looked((1.0, GOOD), (10.5, GOOD)), GATE, 10.5) is None


def test_time_alone_passes_nothing() -> None:
    assert judge(looked((1.0, GOOD)), GATE, 30.0) is None
    assert isinstance(judge(looked((1.0, GOOD)), GATE, 61.5), Failed)


def test_a_relapse_begins_the_hold_anew() -> None:
    proof = looked((1.0, GOOD), (6.0, SICK), (7.0, GOOD), (12.0, GOOD))
    assert judge(proof, GATE, 12.0) is None
    assert judge(looked((1.0, GOOD), (6.0, SICK), (7.0, GOOD), (17.0, GOOD)), GATE, 17.0) == Passed()


def test_a_relapse_after_the_deadline_fails_at_once_and_says_why() -> None:
    verdict = judge(looked((55.0, GOOD), (61.0, SICK)), GATE, 61.0)
    assert isinstance(verdict, Failed)
    assert "sensor a is silent" in verdict.why


def test_never_good_fails_when_the_time_is_over() -> None:
    proof = looked((1.0, SICK))
    assert judge(proof, GATE, 59.9) is None
    assert isinstance(judge(proof, GATE, 60.0), Failed)


def test_never_looked_at_fails_too() -> None:
    verdict = judge(Proof(began=0.0), GATE, 60.0)
    assert isinstance(verdict, Failed)
    assert "no health was seen" in verdict.why


def test_a_gate_without_hold_passes_at_the_first_good_look() -> None:
    gate = Gate(within_seconds=5, hold_seconds=0)
    assert judge(looked((1.0, GOOD), gate=gate), gate, 1.0) == Passed()


@pytest.mark.parametrize("proof", [Proof(began=3.0), looked((5.0, GOOD)), looked((5.0, SICK))])
def test_the_next_look_is_when_time_alone_can_decide(proof: Proof) -> None:
    assert judge(proof, GATE, next_look(proof, GATE)) is not None


@pytest.mark.parametrize(
    ("require", "document", "said"),
    [
        (Require(health=HealthStatus.HEALTHY), SICK, "status is unhealthy"),
        (Require(health=HealthStatus.HEALTHY), {"status": "degraded"}, "status is degraded"),
        (
            Require(adapters_connected="all"),
            {"ingest": {"adapters_connected": ["a"], "devices_configured": 2}},
            "1 of 2",
        ),
        (Require(adapters_connected="all"), {}, "0 of None"),
        (Require(adapters_connected=3), GOOD, "2 of 3"),
        (Require(max_cpu_percent=80), {"metrics": {"cpu_percent": 81}}, "cpu_percent is 81"),
        (Require(max_ram_percent=80), {"metrics": {}}, "ram_percent is None"),
        (Require(max_queue_depth=5), {"cloud": {"queue_depth": 6}}, "queue_depth is 6"),
    ],
)
def test_what_is_missing_is_said(require: Require, document: dict[str, Any], said: str) -> None:
    found = shortfall(require, document)
    assert found is not None
    assert said in found


@pytest.mark.parametrize(
    ("require", "document"),
    [
        (Require(), {}),
        (Require(health=HealthStatus.HEALTHY, adapters_connected="all"), GOOD),
        (Require(health=HealthStatus.DEGRADED), GOOD),
        (Require(adapters_connected=2), GOOD),
        (Require(max_cpu_percent=80), {"metrics": {"cpu_percent": 80.0}}),
    ],
)
def test_what_is_enough_is_enough(require: Require, document: dict[str, Any]) -> None:
    assert shortfall(require, document) is None
