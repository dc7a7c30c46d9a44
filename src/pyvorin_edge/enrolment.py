"""The enrolment token's text: a secret, and whom a fresh device may tell it (PROTOCOL 2). Pure.

`pyv1.<secret, base64url>.<SHA-256 of the server CA's SubjectPublicKeyInfo, hex>`: the device shows the whole text as
the password of HTTP Basic, and only to a server whose CA has that public key.
"""

from __future__ import annotations

import base64
import re
from typing import Final, NamedTuple

from pyvorin_edge.errors import PyvorinError

SECRET_BYTES_MIN: Final = 16
_TOKEN: Final = re.compile(r"pyv1\.(?P<secret>[A-Za-z0-9_-]{22,86})\.(?P<spki>[0-9a-f]{64})")


class TokenError(PyvorinError):
    """A text that is no enrolment token; the message never repeats it."""


class EnrolmentToken(NamedTuple):
    """A token's parts. Its text is a secret: it is in no log, URL, argument vector or report."""

    text: str
    server_ca_spki_sha256: str

    def __repr__(self) -> str:
        return f"EnrolmentToken(…, {self.server_ca_spki_sha256!r})"


def make_token(secret: bytes, server_ca_spki_sha256: str) -> EnrolmentToken:
    """A token of at least 128 random bits, for the fleet of that server CA."""
    if len(secret) < SECRET_BYTES_MIN:
        raise TokenError(f"a token needs at least {SECRET_BYTES_MIN} random bytes, not {len(secret)}")
    return parse_token(f"pyv1.{base64.urlsafe_b64encode(secret).decode().rstrip('=')}.{server_ca_spki_sha256}")


def parse_token(text: str) -> EnrolmentToken:
    """The parts of a token, blanks around it aside; TokenError if it is none (cut off while copying, say)."""
    found = _TOKEN.fullmatch(text.strip())
    if found is None:
        raise TokenError("this is no enrolment token (pyv1.<secret>.<64 hex>): copy it whole, or make a new one")
    return EnrolmentToken(found[0], found["spki"])
