"""Tells the process's supervisor how it stands, by systemd's protocol (sd_notify(3)); without one, nobody is told."""

from __future__ import annotations

import logging
import os
import socket
import time
from collections.abc import Mapping
from typing import Final

import msgspec

logger = logging.getLogger(__name__)

_STATUS_LONGEST: Final = 200


class Supervision(msgspec.Struct, frozen=True):
    """What the supervisor asked for in the environment."""

    #: address of its datagram socket, with a NUL first if it is an abstract one; none = nobody listens
    address: str | None = None
    #: it kills the process that was silent for so long; none = it does not
    watchdog_seconds: float | None = None


def supervision_of(environment: Mapping[str, str], pid: int) -> Supervision:
    """From NOTIFY_SOCKET, WATCHDOG_USEC and WATCHDOG_PID; what is not understood counts as absent."""
    said = environment.get("NOTIFY_SOCKET", "")
    if said[:1] not in ("/", "@") or len(said) < 2:
        return Supervision()
    address = "\0" + said[1:] if said.startswith("@") else said
    return Supervision(address, _watchdog_seconds(environment, pid))


class Notifier:
    """One message is one datagram. A supervisor that does not listen is no reason to fail: it is logged, once."""

    def __init__(self, supervision: Supervision) -> None:
        self._address = supervision.address
        self.watchdog_seconds = supervision.watchdog_seconds
        self._told_of = False

    def ready(self, status: str) -> None:
        """The agent is up, or up again after `reloading`."""
        self._send("READY=1", _status(status))

    def reloading(self) -> None:
        """A reload was begun; `ready` says that it is over."""
        self._send("RELOADING=1", f"MONOTONIC_USEC={time.monotonic_ns() // 1000}")

    def stopping(self) -> None:
        """The end was begun."""
        self._send("STOPPING=1", _status("stopping"))

    def alive(self, status: str) -> None:
        """Every part turns: the supervisor's watchdog may wait once more."""
        self._send(*(() if self.watchdog_seconds is None else ("WATCHDOG=1",)), _status(status))

    def troubled(self, status: str) -> None:
        """Something is stuck: the supervisor's watchdog is left to run out."""
        self._send(_status(status))

    def _send(self, *lines: str) -> None:
        if self._address is None:
            return
        try:
            with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as speaking:
                speaking.settimeout(1.0)
                speaking.sendto("\n".join(lines).encode(), self._address)
        except OSError as why:
            if not self._told_of:
                self._told_of = True
                logger.warning("the supervisor at NOTIFY_SOCKET does not listen: %s", why)


def of_this_process() -> Notifier:
    """By this process's environment."""
    return Notifier(supervision_of(os.environ, os.getpid()))


def _watchdog_seconds(environment: Mapping[str, str], pid: int) -> float | None:
    meant = environment.get("WATCHDOG_PID", "")
    microseconds = environment.get("WATCHDOG_USEC", "")
    if meant not in ("", str(pid)) or not (microseconds.isascii() and microseconds.isdigit()):
        return None
    return int(microseconds[:18]) / 1e6 or None


def _status(text: str) -> str:
    return "STATUS=" + " ".join(text.split())[:_STATUS_LONGEST]
