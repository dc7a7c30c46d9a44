"""`${VAR}`, `${VAR:-default}` and the escape `$${` in values, substituted after parsing (PROTOCOL 5, rule 13)."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any, Final

import msgspec

from pyvorin_edge.canonical import join_pointer
from pyvorin_edge.config.problem import ConfigError, Problem

_TOKEN: Final = re.compile(
    r"(?P<escape>\$\$\{)|\$\{(?P<name>[A-Za-z_][A-Za-z0-9_]*)(?P<given>:-(?P<default>[^}]*))?\}|(?P<broken>\$\{)"
)
_SURROGATE: Final = re.compile("[\ud800-\udfff]")


class Reference(msgspec.Struct, frozen=True):
    """One `${…}` in a document."""

    #: of the string that holds it
    pointer: str
    name: str
    #: none = it must be set
    default: str | None


def substitute(document: dict[str, Any], env: Mapping[str, str]) -> dict[str, Any]:
    """A new document with every reference replaced, in values only; ConfigError names all that are unset or malformed.

    As in a shell, `${VAR:-default}` takes the default also when VAR is empty. What came from `env` is not read again.
    """
    found: list[Problem] = []
    substituted: dict[str, Any] = _walk(document, "", env, found)
    if found:
        raise ConfigError(found)
    return substituted


def references(document: Any, pointer: str = "") -> tuple[Reference, ...]:
    """Every reference in the document, in its order."""
    return tuple(_references(document, pointer))


def refers(text: str) -> bool:
    """Whether `text` is one reference without a default, and nothing else: then it shows no value."""
    whole = _TOKEN.fullmatch(text)
    return whole is not None and whole["name"] is not None and whole["given"] is None


def _walk(value: Any, pointer: str, env: Mapping[str, str], found: list[Problem]) -> Any:
    match value:
        case str():
            return _TOKEN.sub(lambda token: _value_of(token, pointer, env, found), value)
        case dict():
            return {key: _walk(item, join_pointer(pointer, key), env, found) for key, item in value.items()}
        case list():
            return [_walk(item, join_pointer(pointer, str(i)), env, found) for i, item in enumerate(value)]
    return value


def _value_of(token: re.Match[str], pointer: str, env: Mapping[str, str], found: list[Problem]) -> str:
    if token["escape"]:
        return "${"
    if token["broken"]:
        found.append(Problem(pointer, "malformed ${…}: write ${NAME} or ${NAME:-default}, or $${ for the letters"))
        return ""
    name, default = token["name"], token["default"]
    value = env.get(name)
    if default is not None and not value:
        return default
    if value is None:
        found.append(Problem(pointer, f"variable {name} is not set, and no default is given as in ${{{name}:-…}}"))
        return ""
    if _SURROGATE.search(value):
        found.append(Problem(pointer, f"the value of variable {name} is not UTF-8"))
        return ""
    return value


def _references(value: Any, pointer: str) -> Iterator[Reference]:
    match value:
        case str():
            for token in _TOKEN.finditer(value):
                if token["name"]:
                    yield Reference(pointer, token["name"], token["default"])
        case dict():
            for key, item in value.items():
                yield from _references(item, join_pointer(pointer, key))
        case list():
            for index, item in enumerate(value):
                yield from _references(item, join_pointer(pointer, str(index)))
