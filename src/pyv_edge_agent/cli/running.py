"""`pyv-edge-agent run`: the agent in the foreground, until SIGTERM or SIGINT; SIGHUP reloads the config."""

from __future__ import annotations

import ctypes
import os
import signal
import threading
from enum import Enum
from math import inf
from pathlib import Path
from typing import Any, Final

import click
from msgspec.structs import replace

from pyv_edge_agent.core.pulse import PATIENCE_SECONDS
from pyv_edge_agent.core.telling import fleet_facts
from pyv_edge_agent.ending import Ending
from pyv_edge_agent.link.choosing import LinkKind
from pyv_edge_agent.main import AgentOptions, EdgeAgent
from pyv_edge_agent.notify import Notifier, of_this_process
from pyv_edge_agent.relaunch import again, start_again
from pyv_edge_agent.watchdog import Watchdog
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
    "--link",
    type=click.Choice([kind.value for kind in LinkKind]),
    default=LinkKind.AUTO.value,
    show_default=True,
    help="How the fleet is reached; auto: MQTT if it has a broker, else HTTP.",
)
@click.option(
    "--clock",
    type=click.Choice([word.value for word in Clock]),
    help="Your word on whether the clock is synchronised, before the machine's own.",
)
@click.option(
    "--watchdog-seconds",
    type=click.FloatRange(min=0),
    default=PATIENCE_SECONDS,
    show_default=True,
    help="A part of the agent that is stuck for so long ends it with status 5; 0: never.",
)
@click.option("--die-with-parent", is_flag=True, help="End when the process that started this one ends.")
def run(
    state_dir: Path | None,
    config: Path | None,
    health_host: str,
    health_port: int | None,
    health_allow_remote: bool,
    allow_config_reload: bool,
    link: str,
    clock: str | None,
    watchdog_seconds: float,
    die_with_parent: bool,
) -> None:
    """Run the agent in the foreground, until SIGTERM or SIGINT; SIGHUP reloads the config.

    Exit status: 0 it was asked to end, 1 it failed, 2 wrong usage, 4 another agent runs on this state, 5 a part of it
    was stuck, 6 it was asked to end and could not close its queue in time.
    """
    if not health_allow_remote and not is_loopback(health_host):
        raise click.UsageError(f"--health-host {health_host} is no loopback address: add --health-allow-remote")
    options = AgentOptions(
        health_host=health_host,
        health_port=health_port,
        health_allow_remote=health_allow_remote,
        allow_config_reload=allow_config_reload,
        link=LinkKind(link),
        clock=Clock(clock) if clock is not None else None,
    )
    run_agent(config, state_dir, options, die_with_parent=die_with_parent, watchdog_seconds=watchdog_seconds)


def run_agent(
    config: Path | None,
    state_dir: Path | None,
    options: AgentOptions,
    *,
    die_with_parent: bool,
    watchdog_seconds: float = PATIENCE_SECONDS,
) -> None:
    """Run until told to end; errors as `EdgeAgent.start`."""
    if die_with_parent:
        _die_with_parent()
    # Blocked before any thread is made, so that all have them blocked: signals then wait for sigwait, one by one.
    before = signal.pthread_sigmask(signal.SIG_BLOCK, _HANDLED)
    asked: _Asked
    if again() is not None:
        options = replace(options, start_again=lambda: asked.put(_Order.AGAIN))
    agent = EdgeAgent(config, state_dir, options)
    notifier = of_this_process()
    ending = Ending(agent.secure)
    asked = _Asked(notifier, ending)
    asked.start()
    try:
        agent.start()
    except BaseException:
        ending.came_up()
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
        raise
    ending.came_up()
    # asked to end meanwhile, it ends: the new code would never hear of it
    if _serve(agent, asked, notifier, watchdog_seconds) is _Order.AGAIN and asked.next() is _Order.AGAIN:
        notifier.reloading()
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
        start_again(again() or [])


def _serve(agent: EdgeAgent, asked: _Asked, notifier: Notifier, watchdog_seconds: float) -> _Order:
    """Until it is asked to end, or to give way to other code; everything is closed when this returns."""
    watchdog = Watchdog(agent.pulse, notifier, status=lambda: _status(agent), patience_seconds=watchdog_seconds or inf)
    try:
        notifier.ready(_status(agent))
        watchdog.start()
        while (order := asked.next()) is _Order.RELOAD:
            notifier.reloading()
            _reload(agent)
            notifier.ready(_status(agent))
        return order
    finally:
        watchdog.stop()
        agent.stop()


class _Order(Enum):
    RELOAD = "reload"
    AGAIN = "again"
    END = "end"


class _Asked:
    """What signals ask for, heard in a thread of its own: also while the agent starts, or a reload hangs."""

    def __init__(self, notifier: Notifier, ending: Ending) -> None:
        self._notifier = notifier
        self._ending = ending
        self._changed = threading.Condition()
        self._wanted: set[_Order] = set()

    def start(self) -> None:
        threading.Thread(target=self._listen, name="signals", daemon=True).start()

    def next(self) -> _Order:
        """Wait for the next order; to end comes before all others, and several reloads are one."""
        with self._changed:
            self._changed.wait_for(lambda: self._wanted)
            for order in (_Order.END, _Order.AGAIN):
                if order in self._wanted:
                    return order
            self._wanted.clear()
            return _Order.RELOAD

    def put(self, order: _Order) -> None:
        """Ask from within; from any thread."""
        with self._changed:
            self._wanted.add(order)
            self._changed.notify()

    def _listen(self) -> None:
        while True:
            order = _Order.RELOAD if signal.sigwait(_HANDLED) == signal.SIGHUP else _Order.END
            if order is _Order.END:
                self._ending.arm()
                self._notifier.stopping()
            self.put(order)


def _status(agent: EdgeAgent) -> str:
    """One line for the supervisor; it is in `systemctl status`."""
    if not agent.is_running:
        return "stopping"
    device = agent.updater.device
    said = fleet_facts(device)
    release = said.get("release") or "no release"
    return f"{said['device_id']}: {release}, {said['phase']}, {'connected' if device.connected else 'offline'}"


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
