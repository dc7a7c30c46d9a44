"""The agent's log: to stderr as JSON lines or text, and the last lines kept for whoever asks over the fleet."""

from __future__ import annotations

import collections
import json
import logging
import sys
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any, Final, TextIO

LINES_KEPT: Final = 200
LINE_LONGEST: Final = 500

Scrub = Callable[[str], str]


class LastLines(logging.Handler):
    """Keeps the last lines in memory."""

    def __init__(self, scrub: Scrub) -> None:
        super().__init__()
        self._scrub = scrub
        self._lines: collections.deque[str] = collections.deque(maxlen=LINES_KEPT)

    def emit(self, record: logging.LogRecord) -> None:
        """Keep one."""
        line = f"{_time_of(record)} {record.levelname} {self._scrub(record.getMessage())}"
        self._lines.append(line[:LINE_LONGEST])

    def last(self, count: int) -> tuple[str, ...]:
        """The last `count`, oldest first."""
        return tuple(self._lines)[-count:] if count > 0 else ()


class JsonLines(logging.Formatter):
    """One JSON object a line."""

    def __init__(self, scrub: Scrub) -> None:
        super().__init__()
        self._scrub = scrub

    def format(self, record: logging.LogRecord) -> str:
        """Time, level, who, what, and the traceback if there is one."""
        said: dict[str, Any] = {
            "time": _time_of(record),
            "level": record.levelname,
            "logger": record.name,
            "message": self._scrub(record.getMessage()),
        }
        if record.exc_info:
            said["exception"] = self._scrub(self.formatException(record.exc_info))
        return json.dumps(said)


class TextLines(logging.Formatter):
    """Lines for a person, with the traceback below."""

    def __init__(self, scrub: Scrub) -> None:
        super().__init__("%(asctime)s %(levelname)s %(name)s: %(message)s")
        self._scrub = scrub

    def format(self, record: logging.LogRecord) -> str:
        """See the class."""
        return self._scrub(super().format(record))


class AgentLog:
    """The root logger as the config's `logging` section wants it. Other libraries speak from WARNING on."""

    def __init__(self, stream: TextIO | None = None, scrub: Scrub = str) -> None:
        """`stream`: where lines go, standard error if none. `scrub` blots out what must not be said, before a line is
        written or kept."""
        self.lines = LastLines(scrub)
        self._scrub = scrub
        self._stream = logging.StreamHandler(stream or sys.stderr)
        self._open = False

    def configure(self, section: Mapping[str, Any]) -> None:
        """Take a validated `logging` section."""
        kind = JsonLines if section["format"] == "json" else TextLines
        self._stream.setFormatter(kind(self._scrub))
        logging.getLogger("pyv_edge_agent").setLevel(section["level"])
        if not self._open:
            self._open = True
            for handler in (self._stream, self.lines):
                logging.getLogger().addHandler(handler)

    def close(self) -> None:
        """Let the root logger go."""
        self._open = False
        for handler in (self._stream, self.lines):
            logging.getLogger().removeHandler(handler)


def _time_of(record: logging.LogRecord) -> str:
    return datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds")
