"""`health`: the agent's own HTTP server."""

from __future__ import annotations

from typing import Final

from pyvorin_edge.config.shapes import Flag, Number, Table

HEALTH: Final = Table(
    keys={
        "port": Number(
            default=8080, whole=True, least=1, most=65535, means="TCP port of `/health`, `/metrics` and their like."
        ),
        "enabled": Flag(default=True, means="Whether the agent listens at all."),
    }
)
