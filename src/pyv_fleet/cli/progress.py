"""Watching something that moves: a bar on a terminal, a line for each change in a pipe. All of it on stderr."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from types import TracebackType
from typing import Any, Self, TypeVar

import click

T = TypeVar("T")
POLL_SECONDS = 0.3


class Progress:
    """Say how far it is; the same thing said twice is shown once."""

    def __init__(self) -> None:
        self._last = ""
        self._bar: Any = None
        self._task: Any = None

    def __enter__(self) -> Self:
        if sys.stderr.isatty():
            from rich.console import Console
            from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

            columns = (BarColumn(), TextColumn("{task.description}"), TimeElapsedColumn())
            self._bar = Progress(*columns, console=Console(stderr=True), transient=True)
            self._bar.start()
            self._task = self._bar.add_task("", total=None)
        return self

    def __exit__(self, kind: type[BaseException] | None, why: BaseException | None, at: TracebackType | None) -> None:
        if self._bar is not None:
            self._bar.stop()

    def say(self, text: str) -> None:
        """A line that stays, above the bar."""
        if self._bar is not None:
            self._bar.console.print(text, markup=False, highlight=False)
        else:
            click.echo(text, err=True)

    def show(self, text: str, done: int, total: int) -> None:
        """How far it is now."""
        if self._bar is not None:
            self._bar.update(self._task, description=text, completed=done, total=total)
        elif text != self._last:
            click.echo(text, err=True)
        self._last = text


def follow(look: Callable[[], T], ended: Callable[[T], bool], show: Callable[[T], None], seconds: float) -> T | None:
    """Look again and again until it ended; None if it has not after `seconds`."""
    deadline = time.monotonic() + seconds
    while True:
        seen = look()
        show(seen)
        if ended(seen):
            return seen
        if time.monotonic() >= deadline:
            return None
        time.sleep(POLL_SECONDS)
