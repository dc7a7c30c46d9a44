"""What a person can mend is told in a line with its exit status."""

from __future__ import annotations

import pytest

from pyv_edge_agent.control import Conflict, ControlError, NotFound, TimedOut
from pyv_edge_agent.exits import Exit
from pyv_edge_agent.failures import exit_of, sentence_of
from pyv_edge_agent.locking import AgentRunning
from pyv_edge_agent.running import RunError
from pyvorin_edge.config.problem import ConfigError, Problem


@pytest.mark.parametrize(
    ("why", "code"),
    [
        (AgentRunning("x"), Exit.BUSY),
        (NotFound("x"), Exit.NOT_FOUND),
        (Conflict("x"), Exit.CONFLICT),
        (TimedOut("x"), Exit.TIMED_OUT),
        (ControlError("x"), Exit.FAILED),
        (RunError("x"), Exit.FAILED),
    ],
)
def test_an_error_has_its_exit_status(why: Exception, code: Exit) -> None:
    assert exit_of(why) is code


def test_all_problems_of_a_config_are_told_each_on_its_line() -> None:
    problems = [Problem("/sensors", "is no table"), Problem("/cloud/enabled", "is no boolean")]
    said = sentence_of(ConfigError(problems)).splitlines()
    assert said[0] == "the config is not valid:"
    assert [line.strip() for line in said[1:]] == [str(problem) for problem in problems]
