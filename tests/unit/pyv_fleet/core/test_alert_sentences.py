"""What alerts say."""

from __future__ import annotations

from pyv_fleet.core.alert_facts import Facts
from pyv_fleet.core.alert_rules import BUILT_IN, AlertRule, Rate
from pyv_fleet.core.alert_sentences import detail_of, outage_detail
from pyv_fleet.core.outages import Tally
from pyvorin_edge.vocabulary import Connectivity, HealthStatus

DEVICE = Facts(
    device_id="dev-a",
    channel="stable",
    labels={},
    connectivity=Connectivity.LOST,
    health_status=HealthStatus.UNHEALTHY,
    figures={"queue_depth": 6200, "cpu_percent": 97.5},
    health={"reasons": ["no sensor answers"], "cloud": {"last_failure": "key", "last_error": "answered 401"}},
)


def test_a_deep_queue_says_its_depth_its_limit_and_what_is_behind_it() -> None:
    said, code = detail_of(BUILT_IN["queue_depth"], DEVICE)
    assert said.startswith("queue_depth is 6200, above 5000: the cloud does not take its API key")
    assert code == "api_key"


def test_other_figures_have_no_diagnosis() -> None:
    assert detail_of(BUILT_IN["cpu"], DEVICE) == ("cpu_percent is 97.5, above 90", None)


def test_a_rate_says_where_it_stands() -> None:
    rule = AlertRule(when=Rate(figure="cpu_percent", above=20, within_seconds=60))
    assert detail_of(rule, DEVICE)[0] == "cpu_percent rose by more than 20 within 60 s; it is 97.5"


def test_an_unhealthy_device_speaks_for_itself() -> None:
    assert "no sensor answers" in detail_of(BUILT_IN["unhealthy"], DEVICE)[0]
    assert detail_of(BUILT_IN["unreachable"], DEVICE)[0] == "lost: it fell silent without a word"


def test_an_outage_counts() -> None:
    tally = Tally(outage=None, down=480, of=500)
    said = outage_detail(BUILT_IN["unreachable"], "site", "berlin", tally)
    assert said == "480 of 500 devices with site=berlin: it is offline or lost"
    assert "without the label site" in outage_detail(BUILT_IN["unreachable"], "site", "", tally)
