"""Tokens: made at random, shown once, stored as a hash alone; and who is admitted by one (PROTOCOL 2).

Every token has at least 128 random bits, so a plain SHA-256 is enough: there is nothing to guess from it.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import re
import secrets
from collections.abc import Callable
from typing import Annotated, Final

import msgspec
from msgspec import Meta

from pyv_fleet.core.words import AuthScope, EnrolRefusal
from pyv_fleet.trust.errors import TokenMalformed
from pyvorin_edge.enrolment import EnrolmentToken, make_token

SECRET_BYTES: Final = 32
Randomness = Callable[[int], bytes]
"""Takes a number of bytes and gives so many random ones; `secrets.token_bytes` but for tests."""
_API_TOKEN: Final = re.compile(r"pyvapi1\.[A-Za-z0-9_-]{22,86}")


class EnrolmentTerms(msgspec.Struct, frozen=True, kw_only=True):
    """What the store keeps of an enrolment token: everything but the token."""

    token_id: str
    #: SHA-256 of the token's text, lower-case hex
    sha256: str
    channel: str
    labels: dict[str, str]
    uses_left: Annotated[int, Meta(ge=0)]
    #: Unix ms
    expires_at: int
    #: the only id it admits; it may then replace that id's key
    device_id: str | None = None


class ApiToken(msgspec.Struct, frozen=True, kw_only=True):
    """What the store keeps of a person's or program's token."""

    token_id: str
    #: SHA-256 of the token's text, lower-case hex
    sha256: str
    name: str
    scope: AuthScope
    #: Unix ms; none = until it is withdrawn
    expires_at: int | None = None


class Enrolled(msgspec.Struct, frozen=True, kw_only=True):
    """What is known of an id that was enrolled before."""

    #: SHA-256 of the public key's SubjectPublicKeyInfo, lower-case hex
    key_sha256: str
    incarnation: int
    quarantined: bool = False


class Admitted(msgspec.Struct, frozen=True, kw_only=True):
    """The device may have a certificate. Store this before issuing it."""

    incarnation: int
    #: uses to take from the token: 0 for the same key again, so that a lost answer costs nothing
    uses: int
    #: a key took another's place: the old certificate must go on the CRL
    replaces_key: bool = False


class Refused(msgspec.Struct, frozen=True, kw_only=True):
    """The device may not; `alert` if a person should hear of it."""

    reason: EnrolRefusal
    alert: bool = False


def new_enrolment_token(server_ca_spki_sha256: str, random: Randomness = secrets.token_bytes) -> EnrolmentToken:
    """A fresh enrolment token for the fleet of that server CA. Show it once, store `hash_of` its text."""
    return make_token(random(SECRET_BYTES), server_ca_spki_sha256)


def new_api_token(random: Randomness = secrets.token_bytes) -> str:
    """A fresh API token, `pyvapi1.<base64url>`. Show it once, store `hash_of` it."""
    return "pyvapi1." + base64.urlsafe_b64encode(random(SECRET_BYTES)).decode().rstrip("=")


def parse_api_token(text: str) -> str:
    """The token without blanks around it; TokenMalformed if it is not of our form."""
    clean = text.strip()
    if _API_TOKEN.fullmatch(clean) is None:
        raise TokenMalformed("this is no API token (pyvapi1.<secret>): copy it whole, or make a new one")
    return clean


def hash_of(text: str) -> str:
    """What the store keeps and looks tokens up by: SHA-256, lower-case hex."""
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()


def matches(text: str, sha256: str) -> bool:
    """Whether a shown token is the stored one, in constant time."""
    return hmac.compare_digest(hash_of(text), sha256)


def in_force(token: ApiToken, now_ms: int) -> bool:
    """Whether an API token has not expired."""
    return token.expires_at is None or now_ms < token.expires_at


def admit(
    token: EnrolmentTerms, device_id: str, key_sha256: str, known: Enrolled | None, now_ms: int
) -> Admitted | Refused:
    """Whether a device that showed `token` may enrol as `device_id` with its key (PROTOCOL 2).

    The same key again is the same device: admitted, without a second use. Another key is refused with an alert, unless
    the token is bound to this id (a reflashed card): then the incarnation grows by one.
    """
    if now_ms >= token.expires_at:
        return Refused(reason=EnrolRefusal.EXPIRED)
    if token.device_id not in (None, device_id):
        return Refused(reason=EnrolRefusal.OTHER_DEVICE, alert=True)
    if known is not None and known.quarantined:
        return Refused(reason=EnrolRefusal.QUARANTINED, alert=True)
    if known is not None and hmac.compare_digest(known.key_sha256, key_sha256):
        return Admitted(incarnation=known.incarnation, uses=0)
    if known is not None and token.device_id is None:
        return Refused(reason=EnrolRefusal.OTHER_KEY, alert=True)
    if token.uses_left < 1:
        return Refused(reason=EnrolRefusal.USED_UP)
    if known is None:
        return Admitted(incarnation=1, uses=1)
    return Admitted(incarnation=known.incarnation + 1, uses=1, replaces_key=True)
