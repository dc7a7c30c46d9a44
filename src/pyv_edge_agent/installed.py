"""Which version of the agent this is, by the name of its metadata's directory: `importlib.metadata` costs 0.9 MiB."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from typing import Final

UNKNOWN: Final = "0"
_BEFORE: Final = "pyvorin_fleet-"
_AFTER: Final = ".dist-info"


def agent_version(path: Sequence[str] | None = None) -> str:
    """The distribution's version, of the first on the path (`sys.path`) as for an import; "0" if it is nowhere."""
    for directory in sys.path if path is None else path:
        try:
            names = os.listdir(directory or os.curdir)
        except OSError:  # an archive, or a directory that is not there
            continue
        for name in sorted(names):
            if name.startswith(_BEFORE) and name.endswith(_AFTER):
                return name.removeprefix(_BEFORE).removesuffix(_AFTER)
    return UNKNOWN
