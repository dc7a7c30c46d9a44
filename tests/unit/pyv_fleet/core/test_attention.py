"""A device needs attention for causes that a person understands, each of its four facts by itself."""

from __future__ import annotations

import datetime as dt
from typing import Any

import msgspec
import pytest

from pyv_fleet.core.attention import causes, figure
from pyv_fleet.core.views import DeviceView, DriftView, ResultView
from pyvorin_edge.vocabulary import Cause, Connectivity, DriftKind, HealthStatus, LagKind, Outcome, Phase, Standing

NOW = dt.datetime(2026, 1, 1, tzinfo=dt.UTC)
CALM = DriftView(
    device_id="FLEET-1",
    standing=Standing.IN_STEP,
    kinds=(),
    lag=None,
    golden_hash=None,
    applied_hash=None,
    live_hash=None,
    paths=(),
    more=0,
    since=None,
)
WELL = DeviceView(
    device_id="FLEET-1",
    channel="stable",
    labels={},
    connectivity=Connectivity.ONLINE,
    last_seen=NOW - dt.timedelta(seconds=30),
    health_status=HealthStatus.HEALTHY,
    health={"metrics": {"cpu_percent": 90.0}, "cloud": {"queue_depth": 5000}},
    phase=Phase.SETTLED,
    waiting_for=None,
    release=None,
    version=None,
    target=None,
    generation=1,
    result=None,
    drift=CALM,
    agent_version=None,
    boot=1,
    incarnation=0,
    enrolled_at=NOW,
)


def said(**changes: Any) -> str:
    return "; ".join(causes(msgspec.structs.replace(WELL, **changes), now=NOW))


def drift(**changes: Any) -> DriftView:
    return msgspec.structs.replace(CALM, **changes)


def test_a_device_at_its_limits_needs_nobody() -> None:
    assert causes(WELL, now=NOW) == ()


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"connectivity": Connectivity.OFFLINE}, "it is offline"),
        ({"connectivity": Connectivity.LOST}, "hangs or its network is gone; last heard 30 s ago"),
        ({"connectivity": Connectivity.NEVER_SEEN, "last_seen": None}, "never heard"),
        ({"health_status": HealthStatus.UNHEALTHY, "health": {}}, "it is unhealthy"),
        ({"health": {"metrics": {"cpu_percent": 97.5}}}, "CPU is at 97.5 %, above 90 %"),
        ({"health": {"cloud": {"queue_depth": 5001}}}, "queue holds 5001 items, more than 5000"),
        (
            {"drift": drift(standing=Standing.DRIFTED, kinds=(DriftKind.EDITED,), paths=("/a/b",))},
            "it drifted: the config file was edited (/a/b)",
        ),
        ({"drift": drift(lag=LagKind.OVERDUE)}, "overdue"),
    ],
)
def test_each_cause_is_a_sentence(changes: dict[str, Any], words: str) -> None:
    assert words in said(**changes)


def test_sensors_that_are_not_connected_are_counted() -> None:
    health = {"ingest": {"adapters_connected": ["a"], "devices_configured": 3}}
    assert (
        said(health_status=HealthStatus.DEGRADED, health=health) == "it is degraded: 1 of its 3 sensors are connected"
    )


def test_a_failed_update_matters_until_the_device_is_in_step_again() -> None:
    result = ResultView(
        release="a" * 64, version="1.2", attempt=1, outcome=Outcome.FAILED, code=Cause.GATE, detail="temp-01", at=NOW
    )
    assert "its update to 1.2 failed: gate (temp-01)" in said(result=result, drift=drift(standing=Standing.LAGGING))
    assert said(result=result) == ""


def test_figures_of_a_device_that_is_away_say_nothing_of_now() -> None:
    assert "CPU" not in said(connectivity=Connectivity.OFFLINE, health={"metrics": {"cpu_percent": 99}})


@pytest.mark.parametrize("nonsense", ["99", True, None, float("nan"), float("inf"), 10**400, [99], {}])
def test_nonsense_is_no_figure(nonsense: Any) -> None:
    assert figure({"metrics": {"cpu_percent": nonsense}}, "metrics", "cpu_percent") is None
    assert figure({"metrics": nonsense}, "metrics", "cpu_percent") is None
