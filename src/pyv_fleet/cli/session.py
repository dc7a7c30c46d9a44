"""What every command shares: the operator's home, the client, errors as exit codes."""

from __future__ import annotations

import functools
import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from enum import IntEnum
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, NoReturn

import click

if TYPE_CHECKING:
    from pyv_fleet.client import Context, FleetClient

FORMATS: Final = ("table", "json", "jsonl", "yaml", "csv")


class Exit(IntEnum):
    """What a command ends with; scripts may rely on it."""

    OK = 0
    ERROR = 1
    USAGE = 2
    DRIFT = 3
    NOT_ALLOWED = 4
    NOT_FOUND = 5
    CONFLICT = 6
    ROLLOUT_FAILED = 7
    TIMED_OUT = 8
    PARTLY_FAILED = 9


class CliError(click.ClickException):
    """A message for stderr and an exit code."""

    def __init__(self, message: str, exit_code: int = Exit.ERROR) -> None:
        super().__init__(message)
        self.exit_code = int(exit_code)  # type: ignore[misc]


@dataclass
class Session:
    """One command's run."""

    home: Path
    format: str = "table"
    _client: FleetClient | None = None

    @property
    def client(self) -> FleetClient:
        """The API, as the operator."""
        from pyv_fleet.client import FleetClient

        if self._client is None:
            self._client = FleetClient.at(self.home)
        return self._client

    @property
    def context(self) -> Context:
        """The operator's context."""
        from pyv_fleet.client import read_context

        return read_context(self.home)

    def say(self, text: str) -> None:
        """Talk, on stderr; data alone goes to stdout."""
        click.echo(text, err=True)

    def leave(self, code: Exit) -> NoReturn:
        """End with an exit code, after all has been said."""
        sys.exit(int(code))


def with_session(function: Callable[..., Any]) -> Callable[..., Any]:
    """Give a command a `Session` as its first argument, and turn errors into messages with exit codes."""

    @click.option("-o", "--output", "format_", type=click.Choice(FORMATS), default="table", help="How data is written.")
    @click.option("--home", "home_", type=click.Path(path_type=Path), help="The operator's home.")
    @click.pass_context
    @functools.wraps(function)
    def run(ctx: click.Context, /, *args: Any, format_: str, home_: Path | None, **options: Any) -> Any:
        session = Session(find_home(home_ or ctx.find_root().obj), format_)
        return guarded(function)(session, *args, **options)

    return run


def guarded(function: Callable[..., Any]) -> Callable[..., Any]:
    """Errors of our own as a message and an exit code; anything else is a fault of ours and keeps its traceback."""

    @functools.wraps(function)
    def run(*args: Any, **options: Any) -> Any:
        try:
            return function(*args, **options)
        except click.ClickException:
            raise
        except Exception as why:
            ours = _as_cli_error(why)
            if ours is None:
                raise
            raise ours from why

    return run


@contextmanager
def naming(path: Path) -> Iterator[None]:
    """What is wrong within a file is said with the file's name."""
    from pyvorin_edge.errors import PyvorinError

    try:
        yield
    except PyvorinError as why:
        raise CliError(f"{path}: {_as_cli_error(why) or why}") from why


def find_home(given: Path | None) -> Path:
    """--home, else PYV_FLEET_HOME, else a running demo's, else the user's own."""
    if given is not None:
        return given
    if named := os.environ.get("PYV_FLEET_HOME"):
        return Path(named)
    demo = Path(".demo/operator")
    return demo if (demo / "context.toml").exists() else Path.home() / ".config" / "pyv-fleet"


def _as_cli_error(why: Exception) -> CliError | None:
    from pyv_fleet.client import ClientError
    from pyvorin_edge.errors import PyvorinError

    if isinstance(why, ClientError):
        further = [line for line in why.errors if line not in str(why)]
        return CliError("\n  ".join([str(why), *further]), why.exit_code)
    if isinstance(why, PyvorinError):
        several = [str(one) for one in getattr(why, "errors", ()) or getattr(why, "problems", ())]
        return CliError("\n  ".join(["not valid:", *several]) if several else str(why))
    if isinstance(why, OSError) and why.filename:
        return CliError(f"{why.filename}: {why.strerror}")
    if type(why).__module__.startswith("pyv_fleet."):
        return CliError(str(why))
    return None
