"""What an HTTP status means for a batch, and what is done about it. Pure."""

from __future__ import annotations

import enum
from typing import Final

from pyv_edge_agent.cloud_sync.backoff import retry_after_seconds
from pyv_edge_agent.cloud_sync.interface import Answer, Outcome
from pyvorin_edge.vocabulary import UploadFailure

#: Passing troubles, though some are 4xx.
_LATER: Final = frozenset({408, 425, 429})
#: About the key, the address or the way it is spoken to: every batch would be answered so.
_DENIED: Final = frozenset({401, 402, 403, 404, 405, 406, 407, 410, 411, 415, 421, 426, 431, 451})
_PAYLOAD_TOO_LARGE: Final = 413
_KEY: Final = frozenset({401, 403})


class Step(enum.Enum):
    """What the queue does with a batch after an answer."""

    #: it is taken: forget it
    FORGET = enum.auto()
    #: keep it as it is, try again later
    HOLD = enum.auto()
    #: make two batches of it
    SPLIT = enum.auto()
    #: a single item that will never be taken: to the dead letters
    BURY = enum.auto()


def answer_of(status: int, retry_after: str | None, now: float) -> Answer:
    """The meaning of a status; `retry_after` is the header, `now` Unix seconds."""
    reason = f"the endpoint answered {status}"
    if 200 <= status < 300:
        return Answer(Outcome.TAKEN)
    if status in _KEY:
        return Answer(
            Outcome.DENIED, f"{reason}: the api_key is wrong, expired or not allowed", failure=UploadFailure.KEY
        )
    if status in _DENIED or 300 <= status < 400:
        return Answer(Outcome.DENIED, f"{reason}: look at cloud.endpoint", failure=UploadFailure.ADDRESS)
    if status == _PAYLOAD_TOO_LARGE:
        return Answer(Outcome.TOO_LARGE, f"{reason}: too large", failure=UploadFailure.REFUSED)
    if 400 <= status < 500 and status not in _LATER:
        return Answer(Outcome.REFUSED, reason, failure=UploadFailure.REFUSED)
    failure = UploadFailure.BUSY if status in (425, 429) else UploadFailure.SERVER
    return Answer(Outcome.LATER, reason, retry_after_seconds(retry_after, now), failure)


def step_of(answer: Answer, size: int) -> Step:
    """What to do with a batch of `size` items: 413 and refusals are split down to the item whose fault it is."""
    if answer.outcome is Outcome.TAKEN:
        return Step.FORGET
    if answer.outcome in (Outcome.TOO_LARGE, Outcome.REFUSED):
        return Step.SPLIT if size > 1 else Step.BURY
    return Step.HOLD
