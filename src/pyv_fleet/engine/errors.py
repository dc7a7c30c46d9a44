"""What the controller answers when it cannot do what was asked: each error has an HTTP status and names its cause."""

from __future__ import annotations

from typing import ClassVar


class FleetError(Exception):
    """Root of the engine's errors: `title` is fixed per cause, `detail` says where and what to do."""

    status: ClassVar[int] = 500

    def __init__(self, title: str, detail: str = "", errors: tuple[str, ...] = ()) -> None:
        super().__init__(f"{title}: {detail}" if detail else title)
        self.title = title
        self.detail = detail
        self.errors = errors


class Unauthorised(FleetError):
    """No credentials, or none that are known."""

    status = 401


class Forbidden(FleetError):
    """Known, and not allowed to do this."""

    status = 403


class NotFound(FleetError):
    """There is nothing of that name."""

    status = 404


class Conflict(FleetError):
    """It contradicts what stands: the detail says what stands, and what to do."""

    status = 409


class Stale(FleetError):
    """Something else stands than the writer saw: nothing was done."""

    status = 412


class Invalid(FleetError):
    """It breaks a rule; `errors` names each field."""

    status = 422


class TooMany(FleetError):
    """Too often, too fast: again after `retry_seconds`."""

    status = 429

    def __init__(self, title: str, detail: str = "", errors: tuple[str, ...] = (), *, retry_seconds: int = 1) -> None:
        super().__init__(title, detail, errors)
        self.retry_seconds = retry_seconds


class Unavailable(FleetError):
    """Not now: a part that is needed (the broker, say) is not there."""

    status = 503


class TimedOut(FleetError):
    """A device did not answer in time; it may have done what was asked."""

    status = 504


def refuse_unseen(what: str, seen: str | None, stands: str) -> None:
    """Stale unless the writer saw what stands (`core/etags.py`); none = he does not say, and is not held to it."""
    if seen is None or seen == stands:
        return
    raise Stale(
        "changed meanwhile",
        f"{what} is not what you saw: " + ("it is gone" if not stands else "look at it again")
        if seen
        else f"{what} is there already",
    )
