"""Bounds that several sections share."""

from __future__ import annotations

from typing import Final

#: The longest interval or delay, a week: what is longer is a typo.
SECONDS_MAX: Final = 7 * 86400.0
