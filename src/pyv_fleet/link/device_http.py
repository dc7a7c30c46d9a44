"""One HTTP exchange with a device: one time limit, a bounded answer, no redirects, failures by their kind."""

from __future__ import annotations

import http.client
import io
import socket
import time
from collections.abc import Mapping
from typing import Any, Final, NamedTuple

from pyv_fleet.core.words import PollFailure
from pyvorin_edge import wire
from pyvorin_edge.errors import WireError

HEALTH_BYTES_MAX: Final = 64 * 1024


class PollError(Exception):
    """The exchange failed; `failure` says how, the message what was seen."""

    def __init__(self, failure: PollFailure, detail: str) -> None:
        super().__init__(detail)
        self.failure = failure


class Answer(NamedTuple):
    """A whole answer."""

    status: int
    body: bytes


def request(
    host: str,
    port: int,
    method: str,
    path: str,
    *,
    seconds: float,
    limit_bytes: int,
    body: bytes | None = None,
    headers: Mapping[str, str] | None = None,
) -> Answer:
    """One exchange within `seconds`, all told; PollError if it fails, is redirected, or answers too much."""
    connection = _Connection(host, port, time.monotonic() + seconds)
    try:
        connection.request(method, path, body=body, headers={"Connection": "close", **(headers or {})})
        response = connection.getresponse()
        if 300 <= response.status < 400:
            raise PollError(PollFailure.STATUS, f"HTTP {response.status}: redirects are not followed")
        content = response.read(limit_bytes + 1)
    except TimeoutError:
        raise PollError(PollFailure.TIMEOUT, f"no whole answer within {seconds:g} s") from None
    except ConnectionRefusedError as why:
        raise PollError(PollFailure.REFUSED, f"{why.strerror}") from None
    except http.client.HTTPException as why:
        raise PollError(PollFailure.PROTOCOL, f"no HTTP: {type(why).__name__} {str(why)[:200]!r}") from None
    except (OSError, ValueError) as why:
        raise PollError(PollFailure.NETWORK, str(why)) from None
    finally:
        connection.end()
    if len(content) > limit_bytes:
        raise PollError(PollFailure.SIZE, f"more than {limit_bytes} bytes")
    return Answer(response.status, content)


def health_document(answer: Answer) -> dict[str, Any]:
    """The `/health` document in an answer; PollError names what is wrong with it."""
    if answer.status != 200:
        raise PollError(PollFailure.STATUS, f"HTTP {answer.status}")
    try:
        document = wire.loads_strict(answer.body, limit_bytes=HEALTH_BYTES_MAX)
    except WireError as why:
        raise PollError(PollFailure.JSON, str(why)) from None
    if not isinstance(document, dict) or not isinstance(document.get("status"), str):
        raise PollError(PollFailure.FIELD, "status: a word is required")
    agent = document.get("agent")
    if not isinstance(agent, dict) or not isinstance(agent.get("running"), bool):
        raise PollError(PollFailure.FIELD, "agent.running: true or false is required")
    return document


class _Connection(http.client.HTTPConnection):
    """Its socket knows only one deadline: a device that sends a byte a second does not keep it for ever."""

    def __init__(self, host: str, port: int, deadline: float) -> None:
        super().__init__(host, port, timeout=max(0.001, deadline - time.monotonic()))
        self._deadline = deadline
        self._timed: _Timed | None = None

    def connect(self) -> None:
        super().connect()
        self._timed = _Timed(self.sock, self._deadline)
        self.sock: Any = self._timed

    def end(self) -> None:
        """Hang up; http.client lets go of the connection as soon as it reads the answer."""
        if self._timed is not None:
            self._timed.end()


class _Timed:
    """As much of a socket as http.client uses; each call gets what is left of the time."""

    def __init__(self, sock: socket.socket, deadline: float) -> None:
        self._sock = sock
        self._deadline = deadline

    def sendall(self, data: bytes) -> None:
        self._hurry()
        self._sock.sendall(data)

    def makefile(self, mode: str, *_: Any) -> io.BufferedReader:
        return io.BufferedReader(_Reader(self))

    def close(self) -> None:
        """Not yet: the answer is still to be read."""

    def end(self) -> None:
        self._sock.close()

    def receive_into(self, buffer: Any) -> int:
        self._hurry()
        return self._sock.recv_into(buffer)

    def _hurry(self) -> None:
        left = self._deadline - time.monotonic()
        if left <= 0:
            raise TimeoutError
        self._sock.settimeout(left)


class _Reader(io.RawIOBase):
    def __init__(self, timed: _Timed) -> None:
        self._timed = timed

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        return self._timed.receive_into(buffer)
