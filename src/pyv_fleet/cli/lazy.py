"""A group whose commands are loaded only when they run: `pyv-fleet --help` imports none of them."""

from __future__ import annotations

import importlib
from collections.abc import Mapping
from typing import Any, NamedTuple

import click


class Later(NamedTuple):
    """Where a command stands (`module:attribute`), and its line in the help."""

    place: str
    help: str


class LazyGroup(click.Group):
    """Commands by name, imported at first use."""

    def __init__(self, *args: Any, later: Mapping[str, Later] | None = None, **settings: Any) -> None:
        super().__init__(*args, **settings)
        self._later = dict(later or {})

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Names in the order of the table."""
        return [*super().list_commands(ctx), *self._later]

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import it now."""
        known = super().get_command(ctx, cmd_name)
        if known is not None or cmd_name not in self._later:
            return known
        module, _, attribute = self._later[cmd_name].place.partition(":")
        found: click.Command = getattr(importlib.import_module(module), attribute)
        return found

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """The list, from the table alone."""
        with formatter.section("Commands"):
            formatter.write_dl([(name, later.help) for name, later in self._later.items()])
