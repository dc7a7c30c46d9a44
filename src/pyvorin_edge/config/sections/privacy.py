"""`privacy`: what the firewall does to readings before they are kept or sent."""

from __future__ import annotations

from typing import Final

from pyvorin_edge.config.shapes import REQUIRED, Flag, ListOf, Table, Text

_ACTIONS: Final = ("mask", "drop", "hash", "allow")
_RULE: Final = Table(
    keys={
        "sensor_pattern": Text(default=REQUIRED, nonempty=True, longest=256),
        "action": Text(default=REQUIRED, words=_ACTIONS),
    }
)
PRIVACY: Final = Table(
    keys={
        "enabled": Flag(default=True),
        # for a name that no rule matches
        "default": Text(default="allow", words=_ACTIONS),
        "rules": ListOf(item=_RULE, most=1000),
    }
)
