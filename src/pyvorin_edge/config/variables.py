"""References in values, substituted after parsing (PROTOCOL 5, rule 13).

`${VAR}`, `${file:/path}` and `${credential:NAME}`, each perhaps with a default as in `${VAR:-default}`; `$${` stands
for the letters. Nothing is read here: references come out as data, and a device hands in what they stand for.
"""

from __future__ import annotations

import enum
import re
from collections.abc import Iterator, Mapping
from typing import Any, Final

import msgspec

from pyvorin_edge.canonical import join_pointer
from pyvorin_edge.config.problem import ConfigError, Problem

_NAME: Final = r"[A-Za-z_][A-Za-z0-9_]*"
# No control character, and neither `$` nor `{`: a brace that was forgotten then ends at the next reference.
_PATH: Final = r"/(?:(?!:-)[^${}\x00-\x1f\x7f]){1,1023}"
_CREDENTIAL: Final = r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,254}"
# No reference within a default: `${A:-${B}}` would end at the first brace, and not mean what it says.
_DEFAULT: Final = r"(?:[^}$]|\$(?!\{))*"
_TOKEN: Final = re.compile(
    rf"(?P<escape>\$\$\{{)"
    rf"|\$\{{(?:file:(?P<file>{_PATH})|credential:(?P<credential>{_CREDENTIAL})|(?P<name>{_NAME}))"
    rf"(?P<given>:-(?P<default>{_DEFAULT}))?\}}"
    r"|(?P<broken>\$\{)"
)
_SURROGATE: Final = re.compile("[\ud800-\udfff]")
_MALFORMED: Final = (
    "malformed ${…}: write ${NAME}, ${NAME:-default}, ${file:/path} or ${credential:NAME}, or $${ for the letters"
)
#: What `malformed` refuses, as one pattern over a whole string, in the dialect that JSON Schema has.
WELL_FORMED: Final = (
    r"^(?:\$\$\{"
    rf"|\$\{{(?:file:{_PATH}|credential:{_CREDENTIAL}|{_NAME})(?::-{_DEFAULT})?\}}"
    r"|(?!\$\$?\{)[\s\S])*$"
)


class Source(enum.Enum):
    """Where a reference's value comes from."""

    ENVIRONMENT = "environment"
    FILE = "file"
    CREDENTIAL = "credential"


class Reference(msgspec.Struct, frozen=True):
    """One `${…}` in a document."""

    #: of the string that holds it
    pointer: str
    #: of the variable or credential, or the file's absolute path
    name: str
    #: none = it must be there
    default: str | None
    source: Source = Source.ENVIRONMENT

    @property
    def key(self) -> str:
        """What `substitute` looks it up by: `NAME`, `file:/path` or `credential:NAME`."""
        return self.name if self.source is Source.ENVIRONMENT else f"{self.source.value}:{self.name}"


class Unavailable(msgspec.Struct, frozen=True):
    """Stands in the place of a value that cannot be had: why, in words that follow the reference's name."""

    why: str
    #: it is not there at all, so that a default counts; what is there and cannot be used is a problem in any case
    absent: bool = False


Values = Mapping[str, str | Unavailable]


def substitute(document: dict[str, Any], values: Values) -> dict[str, Any]:
    """A new document with every reference replaced, in values only; ConfigError names all that are unset or malformed.

    `values` are by `Reference.key`. As in a shell, a default counts also when the value is empty. What came in is not
    read again: a `${` in it stays.
    """
    found: list[Problem] = []
    substituted: dict[str, Any] = _walk(document, "", values, found)
    if found:
        raise ConfigError(found)
    return substituted


def references(document: Any, pointer: str = "") -> tuple[Reference, ...]:
    """Every reference in the document, in its order."""
    return tuple(_references(document, pointer))


def refers(text: str) -> bool:
    """Whether `text` is one reference without a default, and nothing else: then it shows no value."""
    whole = _TOKEN.fullmatch(text)
    return whole is not None and whole["escape"] is None and whole["broken"] is None and whole["given"] is None


def malformed(text: str) -> str | None:
    """What is wrong with the references in `text` as written; none if they are well formed."""
    return _MALFORMED if any(token["broken"] for token in _TOKEN.finditer(text)) else None


def _walk(value: Any, pointer: str, values: Values, found: list[Problem]) -> Any:
    match value:
        case str():
            return _TOKEN.sub(lambda token: _value_of(token, pointer, values, found), value)
        case dict():
            return {key: _walk(item, join_pointer(pointer, key), values, found) for key, item in value.items()}
        case list():
            return [_walk(item, join_pointer(pointer, str(i)), values, found) for i, item in enumerate(value)]
    return value


def _value_of(token: re.Match[str], pointer: str, values: Values, found: list[Problem]) -> str:
    if token["escape"]:
        return "${"
    reference = _reference(token, pointer)
    if reference is None:
        found.append(Problem(pointer, _MALFORMED))
        return ""
    value = values.get(reference.key)
    absent = not value or (isinstance(value, Unavailable) and value.absent)
    if reference.default is not None and absent:
        return reference.default
    why = _fault(reference, value)
    if why is not None:
        found.append(Problem(pointer, why))
    return value if isinstance(value, str) and why is None else ""


def _fault(reference: Reference, value: str | Unavailable | None) -> str | None:
    what = "variable" if reference.source is Source.ENVIRONMENT else reference.source.value
    if value is None:
        return f"{what} {reference.name} is not set, and no default is given as in ${{{reference.key}:-…}}"
    if isinstance(value, Unavailable):
        return f"{what} {reference.name}: {value.why}"
    if _SURROGATE.search(value):
        return f"the value of {what} {reference.name} is not UTF-8"
    return None


def _reference(token: re.Match[str], pointer: str) -> Reference | None:
    for source, group in ((Source.ENVIRONMENT, "name"), (Source.FILE, "file"), (Source.CREDENTIAL, "credential")):
        if token[group]:
            return Reference(pointer, token[group], token["default"], source)
    return None


def _references(value: Any, pointer: str) -> Iterator[Reference]:
    match value:
        case str():
            for token in _TOKEN.finditer(value):
                found = _reference(token, pointer)
                if found is not None:
                    yield found
        case dict():
            for key, item in value.items():
                yield from _references(item, join_pointer(pointer, key))
        case list():
            for index, item in enumerate(value):
                yield from _references(item, join_pointer(pointer, str(index)))
