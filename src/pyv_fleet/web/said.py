"""What a person typed into a form, read strictly: what is missing or no number is said, never guessed."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from pyv_fleet.engine.errors import Invalid

REASON_CHARS_MAX: Final = 512
TEXT_CHARS_MAX: Final = 20_000


def text_of(form: Mapping[str, Any], name: str) -> str:
    """A field without blanks around it; empty if it is not there, or a file."""
    value = form.get(name, "")
    return value.strip()[:TEXT_CHARS_MAX] if isinstance(value, str) else ""


def reason_of(text: str) -> str:
    """Why it is done, for the audit log; Invalid if nothing was said, or a book."""
    if not text:
        raise Invalid("A reason is needed", "say why: it stands in the audit log")
    if len(text) > REASON_CHARS_MAX:
        raise Invalid("Too long", f"the reason has {len(text)} characters, {REASON_CHARS_MAX} is the most")
    return text


def count_of(text: str) -> int:
    """How many devices; Invalid for anything else."""
    if not (text.isascii() and text.isdigit() and len(text) <= 9):
        raise Invalid("A count is needed", "type how many devices that are: nothing was done")
    return int(text)


def seconds_of(name: str, text: str) -> int | None:
    """A number of seconds; none if nothing was said. Invalid for anything else."""
    if not text:
        return None
    if not (text.isascii() and text.isdigit() and len(text) <= 9):
        raise Invalid("Not valid", f"{name}: a whole number of seconds")
    return int(text)
