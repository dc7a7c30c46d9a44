"""Signing in on the page: a token is shown once, then a session stands for it, as long as the token itself does."""

from __future__ import annotations

import base64
import logging
from collections.abc import Awaitable, Callable
from typing import Final

from pyv_fleet.core.page_sessions import NONCE_BYTES, SECRET_BYTES, PageSession, Sessions, key_of, seal
from pyv_fleet.core.rates import Rates
from pyv_fleet.core.words import AuthScope, SealFault
from pyv_fleet.engine.errors import Conflict, Forbidden, TooMany
from pyv_fleet.engine.ground import Clock, Randomness
from pyv_fleet.trust import tokens
from pyv_fleet.trust.errors import TokenMalformed

log = logging.getLogger(__name__)

Standing = Callable[[str], Awaitable[tuple[str, AuthScope] | None]]
"""Whose token a SHA-256 is of, and what it may do; none if it is none, or its time is over."""
SIGN_INS_BURST: Final = 10
SIGN_INS_PER_SECOND: Final = 0.2


class PageSessions:
    """In memory alone: a controller that starts anew knows nobody, and a restored backup holds no session."""

    def __init__(self, clock: Clock, random: Randomness, standing: Standing) -> None:
        self._clock = clock
        self._random = random
        self._standing = standing
        self._sessions = Sessions()
        self._rates = Rates(burst=SIGN_INS_BURST, per_second=SIGN_INS_PER_SECOND)

    async def sign_in(self, token: str, address: str) -> str | None:
        """The cookie of a new session; none for a token that is not known. TooMany from one address."""
        now = self._clock()
        if not self._rates.take(address, now / 1000):
            raise TooMany("Too many sign-ins", "too many from your address: try again in a minute", retry_seconds=60)
        try:
            sha256 = tokens.hash_of(tokens.parse_api_token(token))
        except TokenMalformed:
            sha256 = ""
        found = await self._standing(sha256) if sha256 else None
        if found is None or found[1] is AuthScope.INGEST:
            log.warning("somebody at %s tried to sign in on the page with a token that is not known", address)
            return None
        cookie = _text(self._random(SECRET_BYTES))
        self._sessions.begin(
            PageSession(
                key=key_of(cookie),
                token_sha256=sha256,
                secret=self._random(SECRET_BYTES),
                scope=found[1],
                began_at=now,
                used_at=now,
            )
        )
        return cookie

    async def known(self, cookie: str, *, by_hand: bool) -> tuple[str, str, AuthScope] | None:
        """The session's key, and name and scope of its token as they stand now; none if either stands no more."""
        session = self._sessions.use(key_of(cookie), self._clock(), by_hand=by_hand)
        if session is None:
            return None
        found = await self._standing(session.token_sha256)
        if found is None:
            self._sessions.end(session.key)
            return None
        return session.key, *found

    def sign_out(self, key: str) -> None:
        """The session stands no more."""
        self._sessions.end(key)

    def seal(self, key: str, address: str) -> str:
        """For a form of this session that is sent to this address; good once."""
        session = self._sessions.standing(key)
        return "" if session is None else seal(session, address, _text(self._random(NONCE_BYTES)))

    def spend(self, key: str, address: str, shown: str) -> None:
        """Take a form's seal. Forbidden if it is not ours, Conflict if it was taken before."""
        session = self._sessions.standing(key)
        fault = SealFault.FOREIGN if session is None else self._sessions.spend(session, address, shown)
        if fault is SealFault.FOREIGN:
            raise Forbidden("Not from this page", fault.sentence)
        if fault is SealFault.SPENT:
            raise Conflict("Sent already", fault.sentence)


def _text(random: bytes) -> str:
    return base64.urlsafe_b64encode(random).decode().rstrip("=")
