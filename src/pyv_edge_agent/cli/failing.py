"""A user's mistake is one line on stderr, never a traceback; what is ours is a traceback."""

from __future__ import annotations

from typing import Any, Final

import click

from pyv_edge_agent.control import Conflict, ControlError, NotFound, TimedOut
from pyv_edge_agent.exits import Exit
from pyv_edge_agent.link.interface import LinkError
from pyv_edge_agent.main import AgentRunning, DiskError, QueueError
from pyv_edge_agent.provision import ProvisionError
from pyv_edge_agent.state_dir import EnvFileError
from pyvorin_edge.config.problem import ConfigError
from pyvorin_edge.errors import PyvorinError

_TOLD: Final = (
    PyvorinError,
    LinkError,
    DiskError,
    ProvisionError,
    ControlError,
    AgentRunning,
    EnvFileError,
    QueueError,
)


class Told(click.ClickException):
    """One line on stderr and an exit status."""

    def __init__(self, message: str, exit_code: Exit = Exit.FAILED) -> None:
        super().__init__(message)
        self.exit_code = int(exit_code)  # type: ignore[misc]


class Commands(click.Group):
    """A group whose commands' expected errors become one line and an exit status."""

    def invoke(self, ctx: click.Context) -> Any:
        """Run the command; see the class."""
        try:
            return super().invoke(ctx)
        except ConfigError as why:
            lines = "".join(f"\n  {problem}" for problem in why.problems)
            raise Told(f"the config is not valid:{lines}") from None
        except _TOLD as why:
            raise Told(str(why), exit_of(why)) from None


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
