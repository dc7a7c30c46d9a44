"""The config document: every section that an agent knows. Their keys are in `sections/`, a file each.

Unknown keys and sections are problems, because a typo must not pass silently. The controller asks before it signs, the
device asks again after substitution: the same function (PROTOCOL 5, rule 4).
"""

from __future__ import annotations

from typing import Any, Final

from pyvorin_edge.config.problem import Problem
from pyvorin_edge.config.sections import cloud, policies, rules, sensors, windows
from pyvorin_edge.config.sections.cloud import CLOUD
from pyvorin_edge.config.sections.health import HEALTH
from pyvorin_edge.config.sections.logging import LOGGING
from pyvorin_edge.config.sections.policies import POLICIES
from pyvorin_edge.config.sections.privacy import PRIVACY
from pyvorin_edge.config.sections.rules import RULES
from pyvorin_edge.config.sections.sensors import SENSORS
from pyvorin_edge.config.sections.update import UPDATE
from pyvorin_edge.config.sections.windows import WINDOWS
from pyvorin_edge.config.shapes import Table

#: The whole document. A section left out means its defaults.
SCHEMA: Final = Table(
    keys={
        "sensors": SENSORS,
        "windows": WINDOWS,
        "rules": RULES,
        "policies": POLICIES,
        "cloud": CLOUD,
        "privacy": PRIVACY,
        "logging": LOGGING,
        "health": HEALTH,
        "update": UPDATE,
    }
)
#: What a table cannot say, because it holds between keys: a section's own function.
_BETWEEN_KEYS: Final = (sensors.problems, windows.problems, rules.problems, policies.problems, cloud.problems)


def with_defaults(document: dict[str, Any]) -> dict[str, Any]:
    """A new document: `document` over the defaults, also within lists of tables."""
    filled: dict[str, Any] = SCHEMA.fill(document)
    return filled


#: What an empty config means.
DEFAULTS: Final = with_defaults({})


def json_schema() -> dict[str, Any]:
    """The document as it is written, before defaults and `${…}`, as a JSON Schema (2020-12), from the same tables.

    It cannot say all: that names are unique, and what must hold between keys, `problems` finds alone.
    """
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "Config of a Pyvorin Edge agent",
        **SCHEMA.schema(),
    }


def problems(document: dict[str, Any], *, substituted: bool = False) -> tuple[Problem, ...]:
    """All that is wrong with a defaults-merged document, sorted by path; empty = valid.

    Before substitution a string that holds `${…}` is only checked to be well formed; after it (`substituted`) fully.
    """
    found = [*SCHEMA.problems(document, "", substituted)]
    for check in _BETWEEN_KEYS:
        found.extend(check(document, substituted))
    return tuple(sorted(found, key=lambda problem: problem.pointer))
