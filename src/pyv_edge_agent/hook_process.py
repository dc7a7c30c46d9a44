"""Runs one hook: no shell, no input, little environment, its own session, bounded in time, output and resources.

It runs as the agent's own user. It ends with all the processes of its session's group, at its timeout or its own end.
"""

from __future__ import annotations

import contextlib
import os
import resource
import select
import signal
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from typing import IO, Final

import msgspec

PATH: Final = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
#: of what it said, the end is kept
SAID_BYTES_MAX: Final = 2000
#: between the word that it must end, and its end
GRACE_SECONDS: Final = 2.0
_LOOK_SECONDS: Final = 0.2
_LIMITS: Final = (
    (resource.RLIMIT_CORE, 0),
    (resource.RLIMIT_NOFILE, 256),
    (resource.RLIMIT_FSIZE, 256 * 1024 * 1024),
    (resource.RLIMIT_AS, 1024 * 1024 * 1024),
)


class Ended(msgspec.Struct, frozen=True):
    """How it ended."""

    #: exit status, negative = by a signal; none = it was ended, or could not be begun
    status: int | None
    #: the end of what it said, or why it could not be begun
    said: str
    timed_out: bool = False


def run_process(
    argv: Sequence[str], environment: Mapping[str, str], timeout_seconds: float, wanted: Callable[[], bool]
) -> Ended:
    """Run it to its end, its timeout, or until it is not wanted any more."""
    try:
        child = subprocess.Popen(
            list(argv),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            cwd="/",
            env={"PATH": PATH, "LANG": "C.UTF-8", "HOME": "/", **environment},
            start_new_session=True,
            umask=0o077,
        )
    except OSError as why:
        return Ended(None, f"cannot be begun: {why.strerror or why}")
    _limit(child.pid)
    assert child.stdout is not None
    with child.stdout as output:
        os.set_blocking(output.fileno(), False)
        in_time, said = _watched(child.pid, output, time.monotonic() + timeout_seconds, wanted)
        _end_group(child.pid, at_once=in_time)
        said = _drained(output, said)
    status = child.wait()
    text = said.decode("utf-8", "replace").strip()
    return Ended(status if in_time else None, text, timed_out=not in_time and wanted())


def _limit(pid: int) -> None:
    # from outside, for nothing of ours may run between fork and exec; what it begins before this is bounded by its time
    for which, most in _LIMITS:
        with contextlib.suppress(OSError, ValueError):
            resource.prlimit(pid, which, (most, most))


def _watched(pid: int, output: IO[bytes], end: float, wanted: Callable[[], bool]) -> tuple[bool, bytes]:
    """Whether it ended by itself in time, and what it said."""
    said = b""
    while not _has_ended(pid):
        left = end - time.monotonic()
        if left <= 0 or not wanted():
            return False, said
        if select.select([output], [], [], min(left, _LOOK_SECONDS))[0]:
            data = output.read(65536)
            if not data:  # it closed its output and lives on
                time.sleep(min(max(left, 0), _LOOK_SECONDS))
            said = (said + (data or b""))[-SAID_BYTES_MAX:]
    return True, said


def _drained(output: IO[bytes], said: bytes) -> bytes:
    return (said + (output.read(65536) or b""))[-SAID_BYTES_MAX:]


def _has_ended(pid: int) -> bool:
    """Without reaping it: as long as it is not, its group's number is nobody else's."""
    return os.waitid(os.P_PID, pid, os.WEXITED | os.WNOWAIT | os.WNOHANG) is not None


def _end_group(pid: int, *, at_once: bool) -> None:
    if not at_once:
        _signal(pid, signal.SIGTERM)
        end = time.monotonic() + GRACE_SECONDS
        while not _has_ended(pid) and time.monotonic() < end:
            time.sleep(0.02)
    _signal(pid, signal.SIGKILL)


def _signal(pid: int, number: signal.Signals) -> None:
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(pid, number)
