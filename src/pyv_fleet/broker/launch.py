"""Start a program that dies with us, whatever kills us (STACK 11). Run as a script: it becomes that program.

The kernel's PR_SET_PDEATHSIG is set by a process for itself, so something must run between fork and exec. A
`preexec_fn` would run in a forked copy of a threaded controller; this is a fresh interpreter instead (some 20 ms).
The signal comes when the *thread* that started us ends: start from the main thread.
"""

from __future__ import annotations

import json
import os
import signal
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

_PR_SET_PDEATHSIG: Final = 1


def command(program: Sequence[str], environment: Mapping[str, str]) -> list[str]:
    """The command line that starts `program` so, with `environment` added to ours."""
    order = json.dumps({"parent": os.getpid(), "program": list(program), "environment": dict(environment)})
    return [sys.executable, "-I", "-S", str(Path(__file__).resolve()), order]


def become(order: str) -> None:
    """Tie this process's life to its parent's, then become the program. Returns never."""
    import ctypes

    wanted = json.loads(order)
    ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, signal.SIGTERM, 0, 0, 0)
    if os.getppid() != wanted["parent"]:
        sys.exit(1)  # it died before we were tied to it
    program = wanted["program"]
    os.execve(program[0], program, os.environ | wanted["environment"])


if __name__ == "__main__":
    become(sys.argv[1])
