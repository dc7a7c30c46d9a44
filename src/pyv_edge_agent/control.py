"""How the agent's owner speaks with it: a socket in its state directory that only the same user may open (0600).

One JSON line asks, one answers: {"verb", "args"} → {"ok", "body"} or {"ok": false, "why"}.
"""

from __future__ import annotations

import contextlib
import json
import logging
import os
import socket
import threading
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, Final

logger = logging.getLogger(__name__)

#: the longest holds a parcel in base64
LINE_BYTES_MAX: Final = 2 * 1024 * 1024
ANSWER_SECONDS: Final = 40.0
_READ_SECONDS: Final = 5.0

Verbs = Mapping[str, Callable[[Mapping[str, Any]], Any]]
"""Verb → what answers it; a ControlError is told to who asked."""


class ControlError(Exception):
    """What was asked cannot be done; the message says why."""


class NotRunning(ControlError):
    """No agent runs on that state directory."""


class ControlServer:
    """Answers one question after another."""

    def __init__(self, path: Path, verbs: Verbs) -> None:
        """OSError if the socket cannot be made."""
        self._path = path
        self._verbs = verbs
        self._socket = socket.socket(socket.AF_UNIX)
        with _near(path) as name:
            path.unlink(missing_ok=True)  # of a killed agent: the lock says that there is no other
            before = os.umask(0o177)
            try:
                self._socket.bind(name)
            finally:
                os.umask(before)
        self._socket.listen(4)
        self._thread = threading.Thread(target=self._run, name="control", daemon=True)

    def start(self) -> None:
        """Begin to answer."""
        self._thread.start()

    def stop(self) -> None:
        """Answer no more."""
        with contextlib.suppress(OSError):
            self._socket.shutdown(socket.SHUT_RDWR)
        self._socket.close()
        self._path.unlink(missing_ok=True)

    def _run(self) -> None:
        while True:
            try:
                connection, _ = self._socket.accept()
            except OSError:
                return  # stopped
            with connection:
                self._serve(connection)

    def _serve(self, connection: socket.socket) -> None:
        try:
            connection.settimeout(_READ_SECONDS)
            answer = self._answer(_line_of(connection))
            connection.sendall(json.dumps(answer).encode() + b"\n")
        except (OSError, ValueError) as why:
            logger.debug("a command broke off: %s", why)

    def _answer(self, line: bytes) -> dict[str, Any]:
        try:
            asked = json.loads(line)
            act = self._verbs[asked["verb"]]
            return {"ok": True, "body": act(asked.get("args") or {})}
        except ControlError as why:
            return {"ok": False, "why": str(why)}
        except (ValueError, KeyError, TypeError, AttributeError) as why:
            return {"ok": False, "why": f"not understood: {type(why).__name__} {why}"}
        except Exception as why:  # the loop's edge: told to who asked
            logger.exception("a command failed")
            return {"ok": False, "why": f"it failed: {why}; see the log"}


def ask(path: Path, verb: str, args: Mapping[str, Any] | None = None) -> Any:
    """The running agent's answer; NotRunning if there is none, ControlError if it refuses."""
    with socket.socket(socket.AF_UNIX) as connection:
        connection.settimeout(ANSWER_SECONDS)
        try:
            with _near(path) as name:
                connection.connect(name)
            connection.sendall(json.dumps({"verb": verb, "args": dict(args or {})}).encode() + b"\n")
            answer = json.loads(_line_of(connection))
        except (FileNotFoundError, ConnectionRefusedError, NotADirectoryError):
            raise NotRunning(f"no agent runs on {path.parent}: start it with `pyv-edge-agent run`") from None
        except (OSError, ValueError) as why:
            raise ControlError(f"the agent on {path.parent} does not answer: {why}") from None
    if not answer["ok"]:
        raise ControlError(answer["why"])
    return answer["body"]


@contextlib.contextmanager
def _near(path: Path) -> Iterator[str]:
    """A name of the path that fits into a socket's 108 bytes, however deep the directory lies."""
    descriptor = os.open(path.parent, os.O_PATH | os.O_DIRECTORY)
    try:
        yield f"/proc/self/fd/{descriptor}/{path.name}"
    finally:
        os.close(descriptor)


def _line_of(connection: socket.socket) -> bytes:
    found = bytearray()
    while not found.endswith(b"\n"):
        piece = connection.recv(64 * 1024)
        if not piece or len(found) > LINE_BYTES_MAX:
            raise ValueError("the line broke off, or is too long")
        found += piece
    return bytes(found)
