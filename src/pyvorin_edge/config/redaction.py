"""Secrets in a config: found by the name of their key, hidden before a document leaves the device."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any, Final

from pyvorin_edge.canonical import join_pointer
from pyvorin_edge.config.variables import refers

REDACTED: Final = "[redacted]"
_SECRET_NAME: Final = re.compile(
    r"api_?key|access_?key|private_?key|passw(or)?d|passphrase|secret|token|credential|authorization", re.IGNORECASE
)
_URL_LOGIN: Final = re.compile(r"://[^/?#\s]*@")


def is_secret_name(key: str) -> bool:
    """Whether a key of this name holds a secret: api_key, password, token, secret and the like, in any spelling."""
    return _SECRET_NAME.search(key.replace("-", "_")) is not None


def secret_pointers(document: Any) -> tuple[str, ...]:
    """Pointers of the values that are secret: whole values under a secret name, and URLs with a login in them."""
    return tuple(_secrets(document, ""))


def redact(document: Any, also: frozenset[str] = frozenset(), *, substituted: bool = False) -> Any:
    """A copy with every secret value, and those at the pointers `also`, replaced by `[redacted]`.

    A bare `${VAR}` stays readable: it names a secret and shows none. After substitution there are none left: what looks
    like one is a value.
    """
    return _redact(document, "", frozenset(secret_pointers(document)) | also, substituted)


def shown_at(document: Any, pointer: str, absent: Any = None) -> Any:
    """The value at a JSON Pointer (RFC 6901) of a redacted document; what lies below a hidden value is hidden."""
    for part in pointer.split("/")[1:]:
        key = part.replace("~1", "/").replace("~0", "~")
        if document == REDACTED:
            return REDACTED
        if isinstance(document, dict) and key in document:
            document = document[key]
        elif isinstance(document, list) and key.isdigit() and int(key) < len(document):
            document = document[int(key)]
        else:
            return absent
    return document


def _secrets(value: Any, pointer: str) -> Iterator[str]:
    match value:
        case dict():
            for key, item in value.items():
                here = join_pointer(pointer, key)
                if is_secret_name(key):
                    yield here
                else:
                    yield from _secrets(item, here)
        case list():
            for index, item in enumerate(value):
                yield from _secrets(item, join_pointer(pointer, str(index)))
        case str() if _URL_LOGIN.search(value):
            yield pointer


def _redact(value: Any, pointer: str, hidden: frozenset[str], substituted: bool) -> Any:
    if pointer in hidden:
        return value if isinstance(value, str) and refers(value) and not substituted else REDACTED
    match value:
        case dict():
            return {key: _redact(item, join_pointer(pointer, key), hidden, substituted) for key, item in value.items()}
        case list():
            return [_redact(item, join_pointer(pointer, str(i)), hidden, substituted) for i, item in enumerate(value)]
    return value
