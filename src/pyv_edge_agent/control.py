"""How the agent's owner speaks with it: a socket in its state directory for the same user, and root (0600, and asked
of the kernel at each connection).

One JSON line asks, one answers: {"verb", "args"} → {"ok": true, "body"} or {"ok": false, "why", "code"}.
"""

from __future__ import annotations

import contextlib
import json
import logging
import os
import socket
import struct
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, ClassVar, Final

from pyvorin_edge import wire
from pyvorin_edge.errors import WireError

logger = logging.getLogger(__name__)

#: A question: the longest holds a parcel in base64.
QUESTION_BYTES_MAX: Final = 2 * 1024 * 1024
ANSWER_BYTES_MAX: Final = 16 * 1024 * 1024
ANSWER_SECONDS: Final = 40.0
#: For the whole question, and again for the whole answer: one who dribbles costs a slot so long, nothing else.
TRANSFER_SECONDS: Final = 5.0
#: Questions at one time; one more waits in the socket's own queue.
CLIENTS_MAX: Final = 8
#: After a question that could not be taken: whatever the machine lacks is not there sooner.
REST_SECONDS: Final = 1.0
_PEER: Final = struct.Struct("3i")

Verbs = Mapping[str, Callable[[Mapping[str, Any]], Any]]
"""Verb → what answers it; a ControlError is told to who asked."""


class ControlError(Exception):
    """What was asked cannot be done; the message says why."""

    #: how it is named on the socket
    code: ClassVar[str] = "failed"


class NotRunning(ControlError):
    """No agent runs on that state directory."""

    code = "not_running"


class NotAllowed(ControlError):
    """The state directory or the agent's socket is another user's."""

    code = "not_allowed"


class NoStateDirectory(ControlError):
    """There is no such directory: nothing was provisioned there."""

    code = "no_state_directory"


class NotFound(ControlError):
    """What was named is not on this device."""

    code = "not_found"


class Conflict(ControlError):
    """It cannot be done as things stand now."""

    code = "conflict"


class TimedOut(ControlError):
    """The agent took too long: it hangs, or the machine is overloaded."""

    code = "timed_out"


class UnknownVerb(ControlError):
    """The running agent is older than this command."""

    code = "unknown_verb"


_BY_CODE: Final = {kind.code: kind for kind in (NotAllowed, NotFound, Conflict, TimedOut, UnknownVerb)}


class ControlServer:
    """Answers a few questions at a time."""

    def __init__(
        self, path: Path, verbs: Verbs, *, owner: int | None = None, transfer_seconds: float = TRANSFER_SECONDS
    ) -> None:
        """OSError if the socket cannot be made. `owner`: the user id that may ask beside root; none = our own."""
        self._path = path
        self._verbs = verbs
        self._allowed = {0, os.geteuid() if owner is None else owner}
        self._transfer_seconds = transfer_seconds
        self._slots = threading.BoundedSemaphore(CLIENTS_MAX)
        self._ending = threading.Event()
        self._socket = socket.socket(socket.AF_UNIX)
        with _near(path) as name:
            path.unlink(missing_ok=True)  # of a killed agent: the lock says that there is no other
            before = os.umask(0o177)
            try:
                self._socket.bind(name)
            finally:
                os.umask(before)
        self._socket.listen(16)
        self._thread = threading.Thread(target=self._run, name="control", daemon=True)

    def start(self) -> None:
        """Begin to answer."""
        self._thread.start()

    def stop(self) -> None:
        """Answer no more."""
        self._ending.set()
        with contextlib.suppress(OSError):
            self._socket.shutdown(socket.SHUT_RDWR)
        self._socket.close()
        self._path.unlink(missing_ok=True)

    def _run(self) -> None:
        while not self._ending.is_set():
            self._slots.acquire()
            try:
                self._admit_one()
            except (OSError, RuntimeError) as why:  # stopped; or no descriptor, no thread to be had just now
                self._slots.release()
                if not self._ending.wait(REST_SECONDS):
                    logger.error("a command could not be taken: %s", why)

    def _admit_one(self) -> None:
        connection, _ = self._socket.accept()
        try:
            threading.Thread(target=self._serve, args=(connection,), name="control-client", daemon=True).start()
        except RuntimeError:
            connection.close()
            raise

    def _serve(self, connection: socket.socket) -> None:
        try:
            with connection:
                question = _line_of(connection, QUESTION_BYTES_MAX, self._transfer_seconds)
                answer = json.dumps(self._answer(connection, question)).encode() + b"\n"
                connection.settimeout(self._transfer_seconds)
                connection.sendall(answer)
        except (OSError, ValueError) as why:
            logger.debug("a command broke off: %s", why)
        finally:
            self._slots.release()

    def _answer(self, connection: socket.socket, line: bytes) -> dict[str, Any]:
        try:
            self._admit(connection)
            verb, args = _question_of(line)
            if verb not in self._verbs:
                raise UnknownVerb(f"this agent does not know {verb!r}")
            return {"ok": True, "body": self._verbs[verb](args)}
        except ControlError as why:
            return {"ok": False, "why": str(why), "code": why.code}
        except TimeoutError as why:
            return {"ok": False, "why": str(why), "code": TimedOut.code}
        except Exception as why:  # the loop's edge: told to who asked
            logger.exception("a command failed")
            return {"ok": False, "why": f"it failed: {why}; see the log", "code": ControlError.code}

    def _admit(self, connection: socket.socket) -> None:
        """The file's permissions keep others out; the kernel's word on the peer does so when they were loosened."""
        said = connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, _PEER.size)
        _, user, _ = _PEER.unpack(said)
        if user not in self._allowed:
            logger.warning("user %d asked at %s and is not its owner", user, self._path)
            raise NotAllowed("only the agent's own user and root may ask")


def ask(path: Path, verb: str, args: Mapping[str, Any] | None = None, *, within_seconds: float = ANSWER_SECONDS) -> Any:
    """The running agent's answer. NoStateDirectory, NotAllowed, NotRunning, TimedOut, UnknownVerb; what it refuses by
    its own kind of ControlError."""
    question = json.dumps({"verb": verb, "args": dict(args or {})}).encode() + b"\n"
    with socket.socket(socket.AF_UNIX) as connection:
        try:
            answer = _asked(connection, path, question, within_seconds)
        except TimeoutError:
            raise TimedOut(
                f"the agent on {path.parent} does not answer within {within_seconds:g} s: it hangs, or the machine is "
                "overloaded; look at its log, then restart it"
            ) from None
        except (OSError, ValueError) as why:
            raise ControlError(f"the agent on {path.parent} does not answer: {why}") from None
    return _body_of(answer, verb)


def _asked(connection: socket.socket, path: Path, question: bytes, within_seconds: float) -> Any:
    connection.settimeout(within_seconds)
    try:
        with _near(path) as name:
            connection.connect(name)
    except FileNotFoundError:
        if path.parent.is_dir():
            raise NotRunning(f"no agent runs on {path.parent}: start it with `pyv-edge-agent run`") from None
        raise NoStateDirectory(
            f"there is no state directory {path.parent}: provision the device, or name another with --state-dir"
        ) from None
    except ConnectionRefusedError:  # the file of a killed agent
        raise NotRunning(f"no agent runs on {path.parent}: start it with `pyv-edge-agent run`") from None
    except NotADirectoryError:
        raise NoStateDirectory(f"{path.parent} is no directory: name the state directory with --state-dir") from None
    except PermissionError:
        raise NotAllowed(_not_ours(path)) from None
    connection.sendall(question)
    return json.loads(_line_of(connection, ANSWER_BYTES_MAX, within_seconds))


def _body_of(answer: Any, verb: str) -> Any:
    if not isinstance(answer, dict) or "ok" not in answer:
        raise ControlError("the agent's answer is none: another program listens on its socket")
    if answer["ok"]:
        return answer.get("body")
    why = str(answer.get("why"))
    kind = _BY_CODE.get(str(answer.get("code")), ControlError)
    if kind is UnknownVerb or why.startswith("not understood: KeyError"):  # the second: as agents once said it
        raise UnknownVerb(f"the running agent is older than this command and does not know `{verb}`: restart it")
    raise kind(why)


def _not_ours(path: Path) -> str:
    """Whose the directory is, and as whom to come."""
    import pwd

    try:
        owner = path.parent.stat().st_uid
    except OSError:
        return f"{path.parent} may not be entered by this user: use sudo"
    try:
        name = pwd.getpwuid(owner).pw_name
    except KeyError:
        name = str(owner)
    return f"{path.parent} belongs to {name}: run this as {name}, with sudo"


def _question_of(line: bytes) -> tuple[str, Mapping[str, Any]]:
    """Verb and arguments; ControlError for anything else."""
    try:
        asked = wire.loads_strict(line, limit_bytes=QUESTION_BYTES_MAX)
    except WireError as why:
        raise ControlError(f"not understood: {why}") from None
    if not isinstance(asked, dict) or not isinstance(asked.get("verb"), str):
        raise ControlError("not understood: a question is an object with a verb")
    args = asked.get("args") or {}
    if not isinstance(args, dict):
        raise ControlError("not understood: args must be an object")
    return asked["verb"], args


@contextlib.contextmanager
def _near(path: Path) -> Iterator[str]:
    """A name of the path that fits into a socket's 108 bytes, however deep the directory lies."""
    descriptor = os.open(path.parent, os.O_PATH | os.O_DIRECTORY)
    try:
        yield f"/proc/self/fd/{descriptor}/{path.name}"
    finally:
        os.close(descriptor)


def _line_of(connection: socket.socket, bytes_max: int, within_seconds: float) -> bytes:
    """One line, whole within the time and the size, else ValueError or TimeoutError."""
    until = time.monotonic() + within_seconds
    found = bytearray()
    while not found.endswith(b"\n"):
        left = until - time.monotonic()
        if left <= 0:
            raise TimeoutError("the line took too long")
        connection.settimeout(left)
        piece = connection.recv(64 * 1024)
        if not piece:
            raise ValueError("the line broke off")
        found += piece
        if len(found) > bytes_max:
            raise ValueError(f"the line is longer than {bytes_max} bytes")
    return bytes(found)
