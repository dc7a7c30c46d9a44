"""`policies`: what becomes of readings and events on their way into the queue. The first that fits decides."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

from pyvorin_edge.config.problem import Problem
from pyvorin_edge.config.shapes import Flag, ListOf, Number, Table, Text
from pyvorin_edge.vocabulary import ItemKind, Severity

#: As `Priority` of the queue spells them.
PRIORITIES: Final = ("critical", "anomaly", "telemetry", "logs")
_POLICY: Final = Table(
    keys={
        "kind": Text(words=tuple(ItemKind), means="Which items. Without it: all."),
        "sensor_pattern": Text(
            default="*",
            nonempty=True,
            longest=256,
            means="Of which sensors; of a derived reading it is `SENSOR.WINDOW.AGGREGATE`.",
        ),
        "rule_pattern": Text(nonempty=True, longest=256, means="Events of which rules."),
        "severity": Text(words=tuple(Severity), means="Events of which severity."),
        "drop": Flag(default=False, means="Leave it out."),
        "priority": Text(words=PRIORITIES, means="Instead of the usual one."),
        "ttl_seconds": Number(above=0, most=366 * 86400.0, means="After which it is worth nothing."),
        "sample_every": Number(whole=True, least=1, most=1_000_000, means="Of each sensor, one in so many."),
        "per_minute_max": Number(whole=True, least=1, most=60_000, means="Of each sensor, so many within a minute."),
    }
)
POLICIES: Final = ListOf(item=_POLICY, most=256)
_DOES: Final = ("priority", "ttl_seconds", "sample_every", "per_minute_max")


def problems(document: dict[str, Any], substituted: bool) -> Iterator[Problem]:
    """What the table cannot say: keys that only events have, and a policy that does nothing or contradicts itself."""
    policies = document.get("policies")
    for index, policy in enumerate(policies if isinstance(policies, list) else []):
        if not isinstance(policy, dict):
            continue
        here = f"/policies/{index}"
        if policy.get("kind") != ItemKind.EVENT:
            for key in policy.keys() & {"rule_pattern", "severity"}:
                yield Problem(f"{here}/{key}", 'only with kind = "event"')
        elif "sample_every" in policy:
            yield Problem(f"{here}/sample_every", "events are not sampled: a rule's end could be left out")
        if policy.get("drop") is True:
            for key in policy.keys() & set(_DOES):
                yield Problem(f"{here}/{key}", "what is dropped has none")
