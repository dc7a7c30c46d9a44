"""The agent in the foreground, until SIGTERM or SIGINT; SIGHUP reloads the config. Nothing of a command line is here:
what this imports stays in a small device's memory for years."""

from __future__ import annotations

import ctypes
import os
import signal
import sys
import threading
from enum import Enum
from math import inf
from typing import Any, Final

from msgspec.structs import replace

from pyv_edge_agent.core.telling import fleet_facts
from pyv_edge_agent.ending import Ending
from pyv_edge_agent.main import EdgeAgent
from pyv_edge_agent.notify import Notifier, of_this_process
from pyv_edge_agent.relaunch import again, start_again
from pyv_edge_agent.run_words import RunOrders
from pyv_edge_agent.watchdog import Watchdog
from pyvorin_edge.errors import PyvorinError

_PR_SET_PDEATHSIG: Final = 1
_HANDLED: Final = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)


class RunError(Exception):
    """It cannot run as it was asked to; the message says why."""


def run_agent(orders: RunOrders) -> None:
    """Run until told to end; RunError, and errors as `EdgeAgent.start`."""
    if orders.die_with_parent:
        _die_with_parent()
    # Blocked before any thread is made, so that all have them blocked: signals then wait for sigwait, one by one.
    before = signal.pthread_sigmask(signal.SIG_BLOCK, _HANDLED)
    asked: _Asked
    options = orders.options
    if again() is not None:
        options = replace(options, start_again=lambda: asked.put(_Order.AGAIN))
    agent = EdgeAgent(orders.config, orders.state_dir, options)
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
    if _serve(agent, asked, notifier, orders.watchdog_seconds) is _Order.AGAIN and asked.next() is _Order.AGAIN:
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
        print(f"Error: reload: {why}", file=sys.stderr, flush=True)  # noqa: T201 - to whoever started us


def _die_with_parent() -> None:
    """SIGTERM when the parent dies (PDEATHSIG), also if it just did."""
    parent = os.getppid()
    libc: Any = ctypes.CDLL(None, use_errno=True)
    if libc.prctl(_PR_SET_PDEATHSIG, int(signal.SIGTERM)) != 0:
        raise RunError(f"--die-with-parent: prctl failed: {os.strerror(ctypes.get_errno())}")
    if os.getppid() != parent or parent == 1:
        raise RunError("--die-with-parent: the parent is gone already")
