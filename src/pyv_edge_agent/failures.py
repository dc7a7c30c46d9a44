"""Which errors are a person's to mend: told in one line on standard error, with an exit status; the rest is ours."""

from __future__ import annotations

from typing import Final

from pyv_edge_agent.control import Conflict, ControlError, NotFound, TimedOut
from pyv_edge_agent.exits import Exit
from pyv_edge_agent.link.interface import LinkError
from pyv_edge_agent.main import AgentRunning, DiskError, QueueError
from pyv_edge_agent.provision import ProvisionError
from pyv_edge_agent.running import RunError
from pyv_edge_agent.state_dir import EnvFileError
from pyvorin_edge.config.problem import ConfigError
from pyvorin_edge.errors import PyvorinError

TOLD: Final = (
    PyvorinError,
    LinkError,
    DiskError,
    ProvisionError,
    ControlError,
    AgentRunning,
    EnvFileError,
    QueueError,
    RunError,
)


def sentence_of(why: Exception) -> str:
    """What a person is told of an expected error; a config's problems a line each."""
    if isinstance(why, ConfigError):
        return "the config is not valid:" + "".join(f"\n  {problem}" for problem in why.problems)
    return str(why)


def exit_of(why: Exception) -> Exit:
    """The exit status of an expected error."""
    match why:
        case AgentRunning():
            return Exit.BUSY
        case NotFound():
            return Exit.NOT_FOUND
        case Conflict():
            return Exit.CONFLICT
        case TimedOut():
            return Exit.TIMED_OUT
        case _:
            return Exit.FAILED
