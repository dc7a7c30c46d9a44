"""`logging`: how much the agent says on standard error, and in which form."""

from __future__ import annotations

from typing import Final

from pyvorin_edge.config.shapes import Table, Text

LOGGING: Final = Table(
    keys={
        "level": Text(default="INFO", words=("DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL")),
        "format": Text(default="json", words=("json", "text")),
    }
)
