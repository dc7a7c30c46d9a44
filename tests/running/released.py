"""A controller with three releases, and what an operator asks of it: for tests of what goes on without it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from running.controller import Controller, controller
from running.simulated import configured


@contextmanager
def released(place: Path) -> Iterator[Controller]:
    """Releases 1.0, 1.1 and 1.2 are published, none is rolled out."""
    with controller(place) as running:
        configured(running, "1.0", "1.1", "1.2")
        yield running


def said(up: Controller, *words: str) -> Any:
    """What a command says, as JSON."""
    return json.loads(up.cli(*words, "-o", "json").stdout)


def versions(up: Controller) -> dict[str, str | None]:
    """What each device runs by its own word."""
    return {one["device_id"]: one["version"] for one in said(up, "device", "list")["items"]}


def roll_out(up: Controller, version: str, *waves: str, code: int = 0) -> None:
    """A rollout, watched to its end, which must be this exit code."""
    words = [word for wave in waves for word in ("--wave", wave)]
    up.cli("rollout", "create", "--channel", "stable", "--release", version, "--reason", "a test", *words,
           "--soak", "1", "--timeout", "60", code=code)  # fmt: skip
