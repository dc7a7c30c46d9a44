"""What an alert says, in a sentence. Pure."""

from __future__ import annotations

from pyv_fleet.core import diagnosis
from pyv_fleet.core.alert_facts import Facts
from pyv_fleet.core.alert_rules import AlertRule, State, Threshold, in_words
from pyv_fleet.core.outages import Tally
from pyvorin_edge.vocabulary import HealthStatus

REASONS_SHOWN = 3


def detail_of(rule: AlertRule, facts: Facts) -> tuple[str, str | None]:
    """Why a device's alert is raised, and the code of a diagnosis if one was made."""
    if isinstance(rule.when, State):
        return _of_state(rule.when, facts), None
    value = facts.figure(rule.when.figure)
    said = in_words(rule.when)
    if isinstance(rule.when, Threshold):
        now = "is not told" if value is None else f"is {value:g}"
        limit = said.removeprefix(f"{rule.when.figure} is ")
        said = f"{rule.when.figure} {now}, {limit}"
    elif value is not None:
        said = f"{said}; it is {value:g}"
    if rule.when.figure not in ("queue_depth", "cloud.queue_depth"):
        return said, None
    found = diagnosis.of_queue(facts.health)
    return f"{said}: {found.sentence}", found.code.value


def outage_detail(rule: AlertRule, label: str, value: str, tally: Tally) -> str:
    """What one alert says for many devices."""
    where = f"with {label}={value}" if value else f"without the label {label}"
    return f"{tally.down} of {tally.of} devices {where}: {in_words(rule.when)}"


def _of_state(watched: State, facts: Facts) -> str:
    said = watched.state.sentence
    if watched.state.of_the_connection:
        return f"{facts.connectivity}: {facts.connectivity.sentence}"
    reasons = facts.health.get("reasons")
    if isinstance(reasons, list) and reasons and facts.health_status is not HealthStatus.HEALTHY:
        return f"{said}: {'; '.join(str(one)[:200] for one in reasons[:REASONS_SHOWN])}"
    return said
