"""The demo's processes: each its own session, its output in a file, none left behind however it ends (STACK 11)."""

from __future__ import annotations

import ctypes
import os
import signal
import subprocess
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

PR_SET_PDEATHSIG: Final = 1
STOP_SECONDS: Final = 8.0


def die_with_parent(parent: int, with_signal: signal.Signals) -> None:
    """Ask the kernel for `with_signal` when `parent` dies; raise at once if it already did."""
    if ctypes.CDLL(None, use_errno=True).prctl(PR_SET_PDEATHSIG, int(with_signal)) != 0:
        raise OSError(ctypes.get_errno(), "prctl(PR_SET_PDEATHSIG) failed")
    if os.getppid() != parent:
        raise ProcessLookupError(f"parent {parent} is gone")


class Children:
    """Processes started in an order and stopped in the opposite one."""

    def __init__(self, log_dir: Path) -> None:
        self._log_dir = log_dir
        self._running: dict[str, subprocess.Popen[bytes]] = {}
        log_dir.mkdir(parents=True, exist_ok=True)

    def start(self, name: str, argv: Sequence[str], *, env: Mapping[str, str] | None = None) -> subprocess.Popen[bytes]:
        """Start `argv` with its output in `<name>.log`. Call from the main thread: a child of another dies with it.

        If the demo is killed the kernel kills the child too: SIGKILL, since a stopped child would not heed SIGTERM.
        """
        parent = os.getpid()
        with (self._log_dir / f"{name}.log").open("ab") as log:
            child = subprocess.Popen(
                argv,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                env={**os.environ, **(env or {})},
                start_new_session=True,
                preexec_fn=lambda: die_with_parent(parent, signal.SIGKILL),
            )
        self._running[name] = child
        return child

    def ended(self) -> dict[str, int]:
        """Exit codes of those that have ended, by name."""
        return {name: code for name, child in self._running.items() if (code := child.poll()) is not None}

    def last_words(self, name: str, lines: int = 5) -> str:
        """The last lines of a child's log."""
        path = self._log_dir / f"{name}.log"
        text = path.read_text(encoding="utf-8", errors="replace") if path.exists() else ""
        return "\n".join(text.strip().splitlines()[-lines:])

    def stop_all(self) -> None:
        """SIGTERM to all but the first started, then to the first (the controller); SIGKILL to who does not heed it."""
        first, *others = self._running.values() if self._running else (None,)
        _stop([child for child in others if child is not None])
        _stop([first] if first is not None else [])
        self._running.clear()


def _stop(children: Sequence[subprocess.Popen[bytes]]) -> None:
    for child in children:
        _signal_group(child, signal.SIGTERM)
        _signal_group(child, signal.SIGCONT)
    deadline = time.monotonic() + STOP_SECONDS
    for child in children:
        try:
            child.wait(timeout=max(0.0, deadline - time.monotonic()))
        except subprocess.TimeoutExpired:
            _signal_group(child, signal.SIGKILL)
            child.wait()


def _signal_group(child: subprocess.Popen[bytes], number: signal.Signals) -> None:
    if child.poll() is None:
        try:
            os.killpg(child.pid, number)
        except ProcessLookupError:
            return
