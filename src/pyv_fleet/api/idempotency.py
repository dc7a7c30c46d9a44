"""`Idempotency-Key` on every POST by which a person or program acts: done once, the same answer again (PROTOCOL 9).

Before the handler runs the key is claimed; on its way out the answer is stored before it is sent, so that whoever has
lost it in transit can ask for it again.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import Any, Final

from litestar import Request, Response
from litestar.types import ASGIApp, Message, Receive, Scope, Send

from pyv_fleet.api.context import ApiContext, actor_of, caller_of
from pyv_fleet.api.problems import PROBLEM_TYPE
from pyv_fleet.core.access import May
from pyv_fleet.core.words import AuthScope
from pyv_fleet.engine.answers import Answer, Answers
from pyv_fleet.engine.errors import Conflict, Invalid

HEADER: Final = "Idempotency-Key"
KEY_CHARS_MAX: Final = 128
REPLAYED: Final = {"Idempotent-Replayed": "true", "Cache-Control": "no-store"}
SHOWN_ONCE: Final = {"shown_once": True}
"""For the `opt` of a route whose answer holds a secret: that is never stored."""
_CLAIM: Final = "idempotency_claim"
_DROPPED: Final = frozenset({*range(400, 500), 503})
"""Nothing was done: the same key may be tried again. After any other error something may have been."""


@dataclass
class Claim:
    """A key that this request has taken, until its answer is stored."""

    answers: Answers
    actor: str
    key: str
    shown_once: bool

    async def settle(self, status: int, body: bytes) -> None:
        """Store the answer, or free the key if nothing was done."""
        if status in _DROPPED:
            await self.answers.drop(self.actor, self.key)
        else:
            await self.answers.keep(self.actor, self.key, Answer(status, b"" if self.shown_once else body))


async def claim(request: Request[Any, Any, Any]) -> Response[bytes] | None:
    """The answer given before, if this was asked before; for Litestar's `before_request`, which runs after the guard.

    Invalid for a key out of form or one that stood over another request; Conflict for an answer shown only once.
    """
    key = request.headers.get(HEADER)
    if key is None or not _is_act(request):
        return None
    if not 0 < len(key) <= KEY_CHARS_MAX or not key.isascii() or not key.isprintable():
        said = f"{HEADER}: 1 to {KEY_CHARS_MAX} printable ASCII characters"
        raise Invalid("Not valid", said, (said,))
    context: ApiContext = request.app.state.context
    actor = actor_of(caller_of(request.scope))[:KEY_CHARS_MAX]
    answers = context.desk.answers
    given = await answers.begin(actor, key, await _digest(request))
    shown_once = bool(request.route_handler.opt.get("shown_once"))
    if given is None:
        _state(request.scope)[_CLAIM] = Claim(answers, actor, key, shown_once)
        return None
    if shown_once:
        raise Conflict(
            "Shown once",
            f"{HEADER} {key}: it was made, and the first answer was the only one that holds its text; "
            "if that was lost, make another with a new key",
        )
    kind = "application/json" if given.status < 400 else PROBLEM_TYPE
    return Response(given.body, status_code=given.status, media_type=kind, headers=REPLAYED)


def remembering(app: ASGIApp) -> ASGIApp:
    """Middleware that stores the answer of a request which claimed a key, and then sends it."""

    async def remember(scope: Scope, receive: Receive, send: Send) -> None:
        held: list[Message] = []

        async def settle_then_send(message: Message) -> None:
            taken = _state(scope).get(_CLAIM)
            if not isinstance(taken, Claim):
                await send(message)
                return
            held.append(message)
            if message["type"] == "http.response.body" and not message.get("more_body"):
                await taken.settle(_status(held), b"".join(one.get("body", b"") for one in held))  # type: ignore[misc]
                for one in held:
                    await send(one)

        try:
            await app(scope, receive, settle_then_send)
        finally:
            if isinstance(taken := _state(scope).get(_CLAIM), Claim):
                taken.answers.leave(taken.actor, taken.key)

    return remember


def _is_act(request: Request[Any, Any, Any]) -> bool:
    stated = request.route_handler.opt.get("may")
    acts = (AuthScope.OPERATE, AuthScope.ADMIN)
    return request.method == "POST" and isinstance(stated, May) and stated.scope in acts


async def _digest(request: Request[Any, Any, Any]) -> str:
    head = f"{request.method} {request.url.path}?{request.url.query}\n".encode()
    return hashlib.sha256(head + await request.body()).hexdigest()


def _status(held: list[Message]) -> int:
    return next(one["status"] for one in held if one["type"] == "http.response.start")


def _state(scope: Scope) -> dict[str, Any]:
    state = scope.setdefault("state", {})
    assert isinstance(state, dict)
    return state
