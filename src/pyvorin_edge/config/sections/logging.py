"""`logging`: how much the agent says on standard error, and in which form."""

from __future__ import annotations

from typing import Final

from pyvorin_edge.config.shapes import Table, Text

LOGGING: Final = Table(
    keys={
        "level": Text(
            default="INFO",
            words=("DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL"),
            means="The least that is written. Libraries speak from WARNING on, whatever this says.",
        ),
        "format": Text(
            default="json",
            words=("json", "text"),
            means="One JSON object a line, or plain lines for a person. On standard error, which journald keeps.",
        ),
    }
)
