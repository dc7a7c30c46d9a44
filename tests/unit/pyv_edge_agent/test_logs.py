"""The log: JSON lines or text, and the last lines for whoever asks over the fleet."""

from __future__ import annotations

import io
import json
import logging
from collections.abc import Iterator

import pytest

from pyv_edge_agent.logs import LINE_LONGEST, LINES_KEPT, AgentLog

logger = logging.getLogger("pyv_edge_agent.test")


@pytest.fixture
def said() -> io.StringIO:
    return io.StringIO()


@pytest.fixture
def log(said: io.StringIO) -> Iterator[AgentLog]:
    made = AgentLog(said)
    yield made
    made.close()


def test_json_lines_are_json_with_the_traceback(log: AgentLog, said: io.StringIO) -> None:
    log.configure({"level": "INFO", "format": "json"})
    try:
        raise ValueError("odd")
    except ValueError:
        logger.exception("it failed\nbadly")
    line = json.loads(said.getvalue())
    assert (line["level"], line["message"]) == ("ERROR", "it failed\nbadly")
    assert "ValueError: odd" in line["exception"]


def test_the_level_may_change_and_text_is_plain(log: AgentLog, said: io.StringIO) -> None:
    log.configure({"level": "WARNING", "format": "text"})
    logger.info("quiet")
    logger.warning("loud")
    log.configure({"level": "DEBUG", "format": "text"})
    logger.debug("now heard")
    heard = said.getvalue()
    assert "quiet" not in heard
    assert heard.count("loud") == 1
    assert "DEBUG pyv_edge_agent.test: now heard" in heard


def test_what_must_not_be_said_is_in_no_line_no_traceback_and_no_memory(said: io.StringIO) -> None:
    log = AgentLog(said, scrub=lambda text: text.replace("hunter2", "[redacted]"))
    for form in ("json", "text"):
        log.configure({"level": "INFO", "format": form})
        try:
            raise ValueError("hunter2")
        except ValueError:
            logger.exception("refused %s", "hunter2")
    heard = said.getvalue() + "".join(log.lines.last(10))
    log.close()
    assert heard.count("refused [redacted]") == 4
    assert "hunter2" not in heard


def test_only_the_last_lines_are_kept_and_none_is_endless(log: AgentLog) -> None:
    log.configure({"level": "INFO", "format": "json"})
    for number in range(LINES_KEPT + 10):
        logger.info("line %d %s", number, "x" * 2 * LINE_LONGEST)
    last = log.lines.last(LINES_KEPT + 10)
    assert len(last) == LINES_KEPT
    assert f"line {LINES_KEPT + 9} " in last[-1]
    assert max(len(line) for line in last) <= LINE_LONGEST
    assert log.lines.last(2) == last[-2:]
    assert log.lines.last(0) == ()
