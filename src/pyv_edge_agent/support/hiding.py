"""Secrets out of text: every value known to be one, in each form that it may take, and what looks like one."""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Iterable, Iterator
from typing import Any, Final
from urllib.parse import quote, quote_plus

from pyvorin_edge.canonical import join_pointer
from pyvorin_edge.config.redaction import REDACTED, secret_pointers

#: A shorter value would be found everywhere, and hides nothing from one who can guess.
LETTERS_LEAST: Final = 4
_KEY_BLOCK: Final = re.compile(rb"-----BEGIN [A-Z ]*PRIVATE KEY-----.*?(?:-----END [A-Z ]*PRIVATE KEY-----|\Z)", re.S)
_LOOKS_SECRET: Final = (
    re.compile(rb"(?<=://)[^/?#\s\"'@]+@"),
    re.compile(rb"\bpyv1\.[A-Za-z0-9_-]+(?:\.[0-9a-f]+)?"),
    re.compile(rb"(?i)(?<=\bbearer )[A-Za-z0-9._~+/=-]{4,}"),
    re.compile(
        rb"(?i)(?:(?<=api_key)|(?<=api-key)|(?<=apikey)|(?<=password)|(?<=passwd)|(?<=secret)|(?<=token)|(?<=passphrase))"
        rb"\s?[=:]\s?\"?[^\s\"',;}\]]{4,}"
    ),
)


class Hider:
    """Replaces secrets by `[redacted]`. Longer ones first, so that no tail of one stays."""

    def __init__(self, secrets: Iterable[str]) -> None:
        forms = {form for secret in secrets for form in _forms(secret) if len(form) >= LETTERS_LEAST}
        self._known = re.compile(b"|".join(map(re.escape, sorted(forms, key=len, reverse=True)))) if forms else None

    def hidden(self, data: bytes) -> bytes:
        """The bytes without them."""
        known = REDACTED.encode()
        data = _KEY_BLOCK.sub(known, data)
        if self._known is not None:
            data = self._known.sub(known, data)
        for pattern in _LOOKS_SECRET:
            data = pattern.sub(known, data)
        return data

    def holds(self, data: bytes) -> bool:
        """Whether a known secret stands in the bytes."""
        return self._known is not None and self._known.search(data) is not None


def secrets_in(document: Any) -> Iterator[str]:
    """Values of a config that are secret: all below a secret name, and the logins of URLs."""
    pointers = frozenset(secret_pointers(document))
    return _below(document, pointers, "")


def texts_of(document: Any) -> Iterator[str]:
    """Every text or number in a document, as text."""
    match document:
        case dict():
            for item in document.values():
                yield from texts_of(item)
        case list():
            for item in document:
                yield from texts_of(item)
        case bool() | None:
            return
        case _:
            yield str(document)


def secret_words(text: str) -> Iterator[str]:
    """What a file that holds secrets has in it: its lines, and what stands behind `=` in them."""
    yield text.strip()
    for line in text.splitlines():
        yield line.strip()
        _, _, value = line.partition("=")
        yield value.strip()
        yield value.strip().strip("'\"")


def _below(value: Any, pointers: frozenset[str], pointer: str) -> Iterator[str]:

    match value:
        case _ if pointer in pointers:
            yield from (part for text in texts_of(value) for part in (text, *_login(text)))
        case dict():
            for key, item in value.items():
                yield from _below(item, pointers, join_pointer(pointer, key))
        case list():
            for index, item in enumerate(value):
                yield from _below(item, pointers, join_pointer(pointer, str(index)))


def _login(text: str) -> Iterator[str]:
    """User and password of a URL, by themselves."""
    _, scheme, rest = text.partition("://")
    if scheme and "@" in rest:
        login = rest.rpartition("@")[0]
        yield login
        yield login.partition(":")[2]


def _forms(secret: str) -> set[bytes]:
    """A secret as it may stand in a file: plain, in JSON, in a URL, in base64, in hex, in Python's repr."""
    secret = secret.strip()
    if len(secret) < LETTERS_LEAST:
        return set()
    raw = secret.encode("utf-8", "surrogateescape")
    texts = {
        secret,
        json.dumps(secret)[1:-1],
        json.dumps(secret, ensure_ascii=False)[1:-1],
        repr(secret)[1:-1],
        quote(raw, safe=""),
        quote(raw),
        quote_plus(raw),
        raw.hex(),
        *_base64(raw),
    }
    return {text.encode("utf-8", "surrogateescape") for text in texts}


def _base64(raw: bytes) -> Iterator[str]:
    """The part of the base64 text that depends on the secret alone, for each place it may have in what is encoded."""
    for before in range(3):
        text = base64.b64encode(b"\0" * before + raw).decode()
        start = (before * 8 + 5) // 6
        end = len(text) - (0 if (before + len(raw)) % 3 == 0 else (4 - (before + len(raw)) % 3))
        if end - start >= 2 * LETTERS_LEAST:
            yield text[start:end]
            yield text[start:end].replace("+", "-").replace("/", "_")
