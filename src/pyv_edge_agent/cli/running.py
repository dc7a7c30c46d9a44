"""`pyv-edge-agent run`: the agent in the foreground, until SIGTERM or SIGINT; SIGHUP reloads the config."""

from __future__ import annotations

import ctypes
import os
import signal
from pathlib import Path
from typing import Any, Final

import click

from pyv_edge_agent.main import AgentOptions, EdgeAgent
from pyvorin_edge.address import is_loopback
from pyvorin_edge.errors import PyvorinError
from pyvorin_edge.vocabulary import Clock

_PR_SET_PDEATHSIG: Final = 1
_HANDLED: Final = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)


@click.command()
@click.option(
    "--state-dir",
    envvar="PYV_EDGE_STATE_DIR",
    type=click.Path(file_okay=False, path_type=Path),
    help="The device's state; by default the directory of --config, else /var/lib/pyvorin-edge.",
)
@click.option(
    "--config",
    type=click.Path(dir_okay=False, path_type=Path),
    help="The live config, if it is not config.toml in the state directory.",
)
@click.option("--health-host", default="127.0.0.1", show_default=True, help="Where /health listens.")
@click.option("--health-port", type=click.IntRange(0, 65535), help="Before the config's health.port.")
@click.option("--health-allow-remote", is_flag=True, help="Let /health listen on another address than loopback.")
@click.option("--allow-config-reload", is_flag=True, help="Take signed parcels at POST /config/reload.")
@click.option(
    "--clock",
    type=click.Choice([word.value for word in Clock]),
    help="Your word on whether the clock is synchronised, before the machine's own.",
)
@click.option("--die-with-parent", is_flag=True, help="End when the process that started this one ends.")
def run(
    state_dir: Path | None,
    config: Path | None,
    health_host: str,
    health_port: int | None,
    health_allow_remote: bool,
    allow_config_reload: bool,
    clock: str | None,
    die_with_parent: bool,
) -> None:
    """Run the agent in the foreground."""
    if not health_allow_remote and not is_loopback(health_host):
        raise click.UsageError(f"--health-host {health_host} is no loopback address: add --health-allow-remote")
    options = AgentOptions(
        health_host=health_host,
        health_port=health_port,
        health_allow_remote=health_allow_remote,
        allow_config_reload=allow_config_reload,
        clock=Clock(clock) if clock is not None else None,
    )
    run_agent(config, state_dir, options, die_with_parent=die_with_parent)


def run_agent(config: Path | None, state_dir: Path | None, options: AgentOptions, *, die_with_parent: bool) -> None:
    """Run until told to end; errors as `EdgeAgent.start`."""
    if die_with_parent:
        _die_with_parent()
    # Blocked before any thread is made, so that all have them blocked: signals then wait for sigwait, one by one.
    before = signal.pthread_sigmask(signal.SIG_BLOCK, _HANDLED)
    agent = EdgeAgent(config, state_dir, options)
    try:
        agent.start()
    except BaseException:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
        raise
    try:
        while signal.sigwait(_HANDLED) == signal.SIGHUP:
            _reload(agent)
    finally:
        agent.stop()


def _reload(agent: EdgeAgent) -> None:
    try:
        agent.reload_config()
    except (PyvorinError, OSError) as why:
        click.echo(f"Error: reload: {why}", err=True)


def _die_with_parent() -> None:
    """SIGTERM when the parent dies (PDEATHSIG), also if it just did."""
    parent = os.getppid()
    libc: Any = ctypes.CDLL(None, use_errno=True)
    if libc.prctl(_PR_SET_PDEATHSIG, int(signal.SIGTERM)) != 0:
        raise click.ClickException(f"--die-with-parent: prctl failed: {os.strerror(ctypes.get_errno())}")
    if os.getppid() != parent or parent == 1:
        raise click.ClickException("--die-with-parent: the parent is gone already")
