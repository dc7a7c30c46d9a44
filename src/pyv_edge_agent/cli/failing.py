"""A user's mistake is one line on stderr, never a traceback; what is ours is a traceback."""

from __future__ import annotations

from typing import Any

import click

from pyv_edge_agent.exits import Exit
from pyv_edge_agent.failures import TOLD, exit_of, sentence_of


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
        except TOLD as why:
            raise Told(sentence_of(why), exit_of(why)) from None
