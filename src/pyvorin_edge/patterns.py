"""Patterns over names, as in a shell: `*`, `?`, `[…]`, without regard to case."""

from __future__ import annotations

import fnmatch
import functools
import re
from typing import Final

#: Patterns kept compiled; a config has fewer.
_KEPT: Final = 4096


def matches(pattern: str, name: str) -> bool:
    """Whether the whole of `name` fits the pattern."""
    return _compiled(pattern.lower()).match(name.lower()) is not None


@functools.lru_cache(_KEPT)
def _compiled(pattern: str) -> re.Pattern[str]:
    return re.compile(fnmatch.translate(pattern))
