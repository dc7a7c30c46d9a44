"""What many commands take and do: the state directory, `--json`, and a question to the running agent."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from pyv_edge_agent.clock import Clock
from pyv_edge_agent.control import UnknownVerb, ask
from pyv_edge_agent.installed import agent_version
from pyv_edge_agent.state_dir import DEFAULT, StateDir

if TYPE_CHECKING:
    from pyv_edge_agent.at_rest import Sight

F = TypeVar("F", bound=Callable[..., Any])


def with_place(command: F) -> F:
    """`--state-dir` and `--json`."""
    return with_state_dir("The device's state directory.")(with_json(command))


def with_state_dir(means: str) -> Callable[[F], F]:
    """`--state-dir`, and what it is for."""
    return click.option(
        "--state-dir",
        envvar="PYV_EDGE_STATE_DIR",
        default=DEFAULT,
        show_default=True,
        type=click.Path(file_okay=False, path_type=Path),
        help=means,
    )


def with_json(command: F) -> F:
    """`--json`."""
    return click.option("--json", "as_json", is_flag=True, help="Answer as JSON.")(command)


def with_config(command: F) -> F:
    """`--config`, for looking while no agent runs."""
    return click.option(
        "--config",
        type=click.Path(dir_okay=False, path_type=Path),
        help="The live config, if it is not config.toml in the state directory; only asked while no agent runs.",
    )(command)


def asked(state_dir: Path, verb: str, args: Mapping[str, Any] | None = None) -> dict[str, Any]:
    """The running agent's answer; errors as `control.ask`."""
    found: dict[str, Any] = ask(StateDir(state_dir).socket, verb, args)
    return found


def asked_status(state_dir: Path) -> dict[str, Any]:
    """The running agent's status; UnknownVerb if it is of an older form."""
    found = asked(state_dir, "status")
    if "update" not in found:
        raise UnknownVerb("the running agent is older than this command: restart it")
    return found


def seen(state_dir: Path, config: Path | None) -> Sight:
    """What the state directory says by itself."""
    from pyv_edge_agent.at_rest import look  # not for `run`: memory counts there

    return look(StateDir(state_dir), config, Clock().now(), agent_version(), os.environ)


def show_json(found: object) -> None:
    """One JSON document on standard output."""
    click.echo(json.dumps(found, ensure_ascii=False))


def talk(text: str) -> None:
    """A word to the person, on standard error."""
    click.echo(text, err=True)


def moment(at_ms: int) -> str:
    """Unix ms as a person reads them, UTC."""
    return datetime.fromtimestamp(at_ms / 1000, UTC).strftime("%Y-%m-%d %H:%M:%S UTC")


def span(seconds: float) -> str:
    """A length of time as a person says it."""
    if seconds < 120:
        return f"{seconds:.0f} s"
    if seconds < 7200:
        return f"{seconds / 60:.0f} min"
    return f"{seconds / 3600:.0f} h" if seconds < 172_800 else f"{seconds / 86_400:.0f} days"


def now_ms() -> int:
    """Unix milliseconds."""
    return time.time_ns() // 1_000_000
