"""Who is signed in on the page: the browser keeps an id that says nothing, all else stays here. Time is an argument.

A form bears a seal that only this session's forms for that address have, and each is good once: another site cannot
write one (CSRF), and a form sent twice acts once.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

import msgspec

from pyv_fleet.core.words import AuthScope, SealFault

SECRET_BYTES: Final = 32
NONCE_BYTES: Final = 12
#: so long anybody is signed in
WHOLE_MS: Final = 12 * 3_600_000
#: so long after his last step by hand one who may act is signed in; what a page fetches by itself is no step
IDLE_MS: Final = 30 * 60_000
SESSIONS_MAX: Final = 1_000
#: of one token, so that nobody's many crowd out the others
OF_A_TOKEN_MAX: Final = 20
SPENT_MAX: Final = 256
#: of a form, where its seal stands
SEAL_FIELD: Final = "seal"


class PageSession(msgspec.Struct, frozen=True, kw_only=True):
    """One sign-in. The id itself is nowhere but in the browser's cookie."""

    #: SHA-256 of the id, by which it is found
    key: str
    #: SHA-256 of the token: the session holds as long as that stands
    token_sha256: str
    #: never leaves the controller
    secret: bytes
    scope: AuthScope
    #: Unix ms
    began_at: int
    used_at: int

    def __repr__(self) -> str:
        """Without the secret."""
        return f"PageSession({self.key[:8]}, {self.scope})"

    def holds_at(self, now: int) -> bool:
        """Whether its time is not over."""
        idle = self.scope is not AuthScope.READ and now - self.used_at >= IDLE_MS
        return now - self.began_at < WHOLE_MS and not idle


@dataclass
class Sessions:
    """The sessions that stand, the least lately used first."""

    _standing: dict[str, PageSession] = field(default_factory=dict)
    _spent: dict[str, dict[str, None]] = field(default_factory=dict)

    def begin(self, session: PageSession) -> None:
        """One more; of the same token, and in all, the oldest goes if they are too many."""
        same = [one.key for one in self._standing.values() if one.token_sha256 == session.token_sha256]
        for key in same[: max(0, len(same) - OF_A_TOKEN_MAX + 1)]:
            self.end(key)
        while len(self._standing) >= SESSIONS_MAX:
            self.end(next(iter(self._standing)))
        self._standing[session.key] = session

    def use(self, key: str, now: int, *, by_hand: bool) -> PageSession | None:
        """The session of that key, if it stands; a step by hand keeps it standing."""
        session = self._standing.get(key)
        if session is None:
            return None
        if not session.holds_at(now):
            self.end(key)
            return None
        if by_hand:
            session = msgspec.structs.replace(session, used_at=now)
            del self._standing[key]
            self._standing[key] = session
        return session

    def standing(self, key: str) -> PageSession | None:
        """The session of that key."""
        return self._standing.get(key)

    def end(self, key: str) -> None:
        """It stands no more."""
        self._standing.pop(key, None)
        self._spent.pop(key, None)

    def spend(self, session: PageSession, address: str, shown: str) -> SealFault | None:
        """Take the seal of a form that was sent to this address; the fault, or none: then it is spent."""
        nonce = shown.partition(".")[0]
        if not hmac.compare_digest(shown.encode(), seal(session, address, nonce).encode()):
            return SealFault.FOREIGN
        spent = self._spent.setdefault(session.key, {})
        if nonce in spent:
            return SealFault.SPENT
        spent[nonce] = None
        if len(spent) > SPENT_MAX:
            del spent[next(iter(spent))]
        return None


def key_of(cookie: str) -> str:
    """By which the session of a cookie is found: a table of ids would be a table of keys."""
    return hashlib.sha256(cookie.encode("utf-8", "surrogatepass")).hexdigest()


def seal(session: PageSession, address: str, nonce: str) -> str:
    """What a form for this address bears."""
    made = hmac.new(session.secret, f"{nonce} {address}".encode("utf-8", "surrogatepass"), hashlib.sha256)
    return f"{nonce}.{made.hexdigest()}"


def from_here(headers: Mapping[str, str]) -> bool:
    """Whether a browser says that a form comes from a page of this very server, port included.

    Cookies and SameSite know no ports: a page that another program serves on this machine is the same site.
    """
    scheme, _, place = headers.get("origin", "").partition("://")
    return scheme in ("http", "https") and bool(place) and place.lower() == headers.get("host", "").lower()
