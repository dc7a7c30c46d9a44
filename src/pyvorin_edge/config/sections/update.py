"""`update`: how the agent fetches what it was ordered to run, and how long it lets an application put it off."""

from __future__ import annotations

from typing import Final

from pyvorin_edge.config.shapes import Number, Table

#: A gigabyte a second: beyond it a limit says nothing.
_BYTES_PER_SECOND_MAX: Final = 1_000_000_000

_LOCK_SECONDS_MAX: Final = 30 * 86_400

UPDATE: Final = Table(
    keys={
        "download_bytes_per_second": Number(
            default=0,
            whole=True,
            least=0,
            most=_BYTES_PER_SECOND_MAX,
            means="The most that downloads of bundles take; 0 = no limit.",
        ),
        "lock_seconds_max": Number(
            default=0,
            least=0,
            most=_LOCK_SECONDS_MAX,
            means="How long an update waits for an application that holds the update lock; 0 = until it lets go.",
        ),
    }
)
