"""The secrets that this process has read, so that none of them is said aloud: in a log, in /health, in an error."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any, Final
from urllib.parse import quote

from pyvorin_edge.config.redaction import REDACTED

#: Shorter ones would blot out innocent words and numbers; they are hidden by the names of their keys alone.
LETTERS_MIN: Final = 6
#: Old ones stay known: what was said with them may come late. A device that rotates hourly knows two days' worth.
KEPT: Final = 64


class Secrecy:
    """Blots out what it has learned, wherever it turns up. For any thread."""

    def __init__(self) -> None:
        self._known: tuple[str, ...] = ()
        self._pattern: re.Pattern[str] | None = None

    def learn(self, values: Iterable[str]) -> None:
        """These are secret from now on; those too short to be told from ordinary words are passed over."""
        new = [value for value in dict.fromkeys(values) if len(value) >= LETTERS_MIN and value not in self._known]
        if new:
            self._known = (*self._known, *new)[-KEPT:]
            forms = {form for value in self._known for form in _forms(value)}
            self._pattern = re.compile("|".join(map(re.escape, sorted(forms, key=len, reverse=True))))

    def scrub(self, text: str) -> str:
        """`text` with every learned secret replaced by `[redacted]`, also as a URL or a repr would write it."""
        pattern = self._pattern
        return text if pattern is None else pattern.sub(REDACTED, text)

    def scrub_document(self, value: Any) -> Any:
        """The same for every string in a document; its keys stay."""
        if self._pattern is None:
            return value
        match value:
            case str():
                return self.scrub(value)
            case dict():
                return {key: self.scrub_document(item) for key, item in value.items()}
            case list() | tuple():
                return [self.scrub_document(item) for item in value]
        return value


def _forms(value: str) -> Iterable[str]:
    return {value, quote(value, safe=""), quote(value), repr(value)[1:-1]}
