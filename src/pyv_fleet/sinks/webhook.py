"""A webhook: a CloudEvent by POST, signed as Standard Webhooks says (`webhook-id`, `-timestamp`, `-signature`).

No redirects, one time limit for the whole exchange, a bounded answer. Several secrets sign side by side, so that one
can be replaced without a gap.
"""

from __future__ import annotations

import base64
import binascii
import datetime as dt
import hashlib
import hmac
from collections.abc import Sequence
from typing import Any, Final
from urllib.parse import urlsplit

import msgspec

from pyv_fleet.core.polling import PollAddress
from pyv_fleet.core.words import Severity
from pyv_fleet.link.device_http import PollError
from pyv_fleet.link.poller import exchange
from pyv_fleet.sinks.interface import Letter, NotTaken
from pyv_fleet.sinks.secrets import Secret

EVENT_TYPE: Final = "com.pyvorin.fleet.alerts.v1"
CONTENT_TYPE: Final = "application/cloudevents+json; charset=utf-8"
ANSWER_BYTES_MAX: Final = 64 * 1024
KEY_BYTES_MIN: Final = 24
_PREFIX: Final = "whsec_"
_PORTS: Final = {"http": 80, "https": 443}
#: what a receiver says of the message itself: it will never take this one
_FOR_GOOD: Final = frozenset({400, 413, 415, 422})


class Webhook(msgspec.Struct, frozen=True, kw_only=True):
    """A sink: see interface.py."""

    name: str
    #: with its path; none = it is a secret itself, and stands in `hidden_url`
    url: str = ""
    hidden_url: Secret = Secret()
    #: `whsec_<base64>`, one or several on lines of their own
    secret: Secret
    least: Severity = Severity.INFO
    timeout_seconds: float = 10.0

    @property
    def place(self) -> str:
        """Its host alone: paths of webhooks are often secrets."""
        return place_of(self.url) if self.url else "an address that is kept secret"

    async def send(self, letter: Letter) -> None:
        """One POST; NotTaken unless the answer is 2xx."""
        address, target = parse_hook(self.url or self.hidden_url.read())
        body = event_of(letter)
        stamp = letter.sent_at // 1000
        headers = {
            "Content-Type": CONTENT_TYPE,
            "User-Agent": "pyv-fleet",
            "webhook-id": letter.id,
            "webhook-timestamp": str(stamp),
            "webhook-signature": signature(keys_of(self.secret.read()), letter.id, stamp, body),
        }
        try:
            answer = await exchange(
                address, b"POST", target, seconds=self.timeout_seconds, bytes_max=ANSWER_BYTES_MAX, headers=headers,
                body=body,
            )  # fmt: skip
        except PollError as why:
            raise NotTaken(f"{why.failure.sentence}") from None
        if not 200 <= answer.status < 300:
            raise NotTaken(f"it answered HTTP {answer.status}", for_good=answer.status in _FOR_GOOD)


def event_of(letter: Letter) -> bytes:
    """The letter as a CloudEvent in structured JSON; the same bytes at every try."""
    event: dict[str, Any] = {
        "specversion": "1.0",
        "id": letter.id,
        "source": f"/pyvorin/fleets/{letter.fleet}",
        "type": EVENT_TYPE,
        "time": dt.datetime.fromtimestamp(letter.made_at / 1000, dt.UTC),
        "subject": letter.notification.group,
        "datacontenttype": "application/json",
        "data": letter.notification,
    }
    return msgspec.json.encode(event)


def signature(keys: Sequence[bytes], message_id: str, stamp: int, body: bytes) -> str:
    """Standard Webhooks: `v1,<base64 of HMAC-SHA256 over id.timestamp.body>` for each key, with spaces between."""
    signed = f"{message_id}.{stamp}.".encode("ascii") + body
    made = (hmac.new(key, signed, hashlib.sha256).digest() for key in keys)
    return " ".join(f"v1,{base64.b64encode(one).decode('ascii')}" for one in made)


def keys_of(text: str) -> tuple[bytes, ...]:
    """The keys in `whsec_<base64>` lines; NotTaken says what is wrong, never with what."""
    keys = []
    for line in text.split():
        try:
            key = base64.b64decode(line.removeprefix(_PREFIX), validate=True) if line.startswith(_PREFIX) else b""
        except binascii.Error:
            key = b""
        if len(key) < KEY_BYTES_MIN:
            raise NotTaken(f"its secret: a line must be {_PREFIX} and the base64 of at least {KEY_BYTES_MIN} bytes")
        keys.append(key)
    return tuple(keys)


def parse_hook(url: str) -> tuple[PollAddress, str]:
    """Address and target; NotTaken (without the URL: it may be a secret) if it is none."""
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        raise NotTaken("its address is no URL") from None
    if parts.scheme not in _PORTS or not parts.hostname or parts.username is not None or parts.fragment:
        raise NotTaken("its address: write https://HOST[:PORT]/PATH, without a login")
    if not url.isascii() or any(letter.isspace() for letter in url):
        raise NotTaken("its address: plain letters, digits and signs; quote all others")
    target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    return PollAddress(parts.hostname, port or _PORTS[parts.scheme], parts.scheme == "https"), target


def place_of(url: str) -> str:
    """Scheme, host and port of a URL."""
    address, _ = parse_hook(url)
    host = f"[{address.host}]" if ":" in address.host else address.host
    return f"{'https' if address.tls else 'http'}://{host}:{address.port}"
