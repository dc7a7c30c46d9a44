"""What can go wrong with a call, each with the exit code that the CLI ends with."""

from __future__ import annotations

import msgspec

from pyv_fleet.core import views


class ClientError(Exception):
    """Root of what can go wrong with a call; `exit_code` is what the CLI ends with."""

    exit_code = 1

    def __init__(self, message: str, errors: tuple[str, ...] = ()) -> None:
        super().__init__(message)
        self.errors = errors


class NoContext(ClientError):
    """The operator's home is missing or not usable: make one with `pyv-fleet fleet init`."""

    exit_code = 2


class NotReached(ClientError):
    """The controller did not answer."""


class Refused(ClientError):
    """The controller found the request wrong; `errors` names each field."""


class NotAllowed(ClientError):
    """The token is missing, unknown, or of too low a scope."""

    exit_code = 4


class NotFound(ClientError):
    """There is nothing of that name."""

    exit_code = 5


class Conflict(ClientError):
    """It contradicts what stands."""

    exit_code = 6


class TimedOut(ClientError):
    """No answer in time; what was asked may have been done."""

    exit_code = 8


def error_of(status: int, body: bytes) -> ClientError:
    """The error that a status and a problem's body mean."""
    kinds: dict[int, type[ClientError]] = {
        401: NotAllowed,
        403: NotAllowed,
        404: NotFound,
        409: Conflict,
        412: Conflict,
        504: TimedOut,
    }
    kind = kinds.get(status, Refused if status < 500 else ClientError)
    try:
        problem = msgspec.json.decode(body, type=views.Problem)
    except msgspec.DecodeError:
        return kind(f"the controller answered {status}")
    return kind(f"{problem.title}: {problem.detail}" if problem.detail else problem.title, problem.errors)
