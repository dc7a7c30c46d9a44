"""Acts that bear an Idempotency-Key are done once: asked again, the same answer is given (PROTOCOL 9).

That an act was begun is durable before it is done. If the controller ends between the act and its answer, nobody knows
whether it was done: then the key is refused, and never is an act done twice.
"""

from __future__ import annotations

import asyncio
from typing import Final, NamedTuple

from pyv_fleet.engine.errors import Conflict, Invalid
from pyv_fleet.engine.ground import Ground
from pyv_fleet.engine.orders import DAY_MS
from pyv_fleet.store import idempotency
from pyv_fleet.store.idempotency import UNDER_WAY, AnswerRecord

KEPT_MS: Final = DAY_MS
SAME_WAIT_SECONDS: Final = 20.0
"""So long the same request, asked while the first is under way, waits for its answer: longer than any act takes."""


class Answer(NamedTuple):
    """What was answered; no body if it held a secret."""

    status: int
    body: bytes


class Answers:
    """The answers of the last day, by who asked and the key that he chose."""

    def __init__(self, ground: Ground) -> None:
        self._ground = ground
        self._under_way: dict[tuple[str, str], asyncio.Event] = {}

    async def begin(self, actor: str, key: str, request_sha256: str) -> Answer | None:
        """The answer given before; none = it is new, and the caller must `keep` or `drop` it, and `leave` it.

        Invalid if the key stood over another request, Conflict if nobody knows what became of the first.
        """
        if (first := self._under_way.get((actor, key))) is not None:
            await _wait(first)
        if (actor, key) in self._under_way:
            raise Conflict("Under way", f"Idempotency-Key {key}: the first request with it is not answered yet")
        self._under_way[actor, key] = asyncio.Event()
        given: Answer | None = None
        try:
            given = await self._given_or_begun(actor, key, request_sha256)
        except BaseException:
            self.leave(actor, key)
            raise
        if given is not None:
            self.leave(actor, key)
        return given

    async def keep(self, actor: str, key: str, answer: Answer) -> None:
        """This is the answer from now on, for a day."""
        async with self._ground.database.begin() as connection:
            await idempotency.answered(connection, actor, key, answer.status, answer.body)

    async def drop(self, actor: str, key: str) -> None:
        """Nothing was done: the same may be tried again."""
        async with self._ground.database.begin() as connection:
            await idempotency.forget(connection, actor, key)

    def leave(self, actor: str, key: str) -> None:
        """It is no longer under way; whoever waits for it looks again."""
        if (ended := self._under_way.pop((actor, key), None)) is not None:
            ended.set()

    async def _given_or_begun(self, actor: str, key: str, request_sha256: str) -> Answer | None:
        now = self._ground.clock()
        async with self._ground.database.begin() as connection:
            known = await idempotency.get(connection, actor, key)
            if known is not None and known.made_at >= now - KEPT_MS:
                return _answer_of(known, request_sha256)
            await idempotency.forget(connection, actor, key)
            begun = AnswerRecord(
                actor=actor, key=key, request_sha256=request_sha256, status=UNDER_WAY, body=b"", made_at=now
            )
            await idempotency.put(connection, begun)
        return None


def _answer_of(known: AnswerRecord, request_sha256: str) -> Answer:
    if known.request_sha256 != request_sha256:
        said = f"Idempotency-Key {known.key}: it stood over another request within the last day; choose a new key"
        raise Invalid("Another request", said, (said,))
    if known.status == UNDER_WAY:
        raise Conflict(
            "Not known",
            f"Idempotency-Key {known.key}: the controller ended before it had answered the first request with it; "
            "look whether that was done, and if not ask with a new key",
        )
    return Answer(known.status, known.body)


async def _wait(first: asyncio.Event) -> None:
    try:
        await asyncio.wait_for(first.wait(), SAME_WAIT_SECONDS)
    except TimeoutError:
        return
