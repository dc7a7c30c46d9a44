"""A user's mistake is one line on stderr, never a traceback; what is ours is a traceback."""

from __future__ import annotations

from typing import Any, Final

import click

from pyv_edge_agent.control import ControlError
from pyv_edge_agent.exits import Exit
from pyv_edge_agent.link.interface import LinkError
from pyv_edge_agent.main import AgentRunning, DiskError, QueueError
from pyv_edge_agent.provision import ProvisionError
from pyv_edge_agent.state_dir import EnvFileError
from pyvorin_edge.config.problem import ConfigError
from pyvorin_edge.errors import PyvorinError

FAILED: Final = Exit.FAILED
#: `health` of an agent that is not healthy, `drift` of one that drifted
AMISS: Final = Exit.AMISS
_TOLD: Final = (
    PyvorinError,
    LinkError,
    DiskError,
    ProvisionError,
    ControlError,
    EnvFileError,
    QueueError,
)


class Commands(click.Group):
    """A group whose commands' expected errors become one line and exit 1."""

    def invoke(self, ctx: click.Context) -> Any:
        """Run the command; see the class."""
        try:
            return super().invoke(ctx)
        except ConfigError as why:
            lines = "".join(f"\n  {problem}" for problem in why.problems)
            raise click.ClickException(f"the config is not valid:{lines}") from None
        except AgentRunning as why:
            raise _Busy(str(why)) from None
        except _TOLD as why:
            raise click.ClickException(str(why)) from None


class _Busy(click.ClickException):
    exit_code = Exit.BUSY
