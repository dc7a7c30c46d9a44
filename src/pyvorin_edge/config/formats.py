"""Configs as bytes: TOML and JSON in, the same out (PROTOCOL 7). What has no canonical form is refused by path."""

from __future__ import annotations

import json
import re
import tomllib
from collections.abc import Iterable, Iterator
from typing import Any, Final

import tomli_w

from pyvorin_edge import wire
from pyvorin_edge.canonical import join_pointer, refuse_uncanonical
from pyvorin_edge.config.problem import ConfigError, Problem, refuse
from pyvorin_edge.errors import CanonicalError, WireError
from pyvorin_edge.vocabulary import ConfigFormat

CONFIG_BYTES_MAX: Final = wire.BLOB_BYTES_MAX
#: How tomllib and json end their messages. The second kind of end has no place of its own.
_PLACE: Final = re.compile(r"(?: \(at|:) line (\d+),? column (\d+)(?:\)| \(char \d+\))$")
_AT_END: Final = re.compile(r" \(at end of document\)$")
_KEY_PART: Final = r"""(?:[A-Za-z0-9_-]+|"(?:[^"\\\n]|\\.)*"|'[^'\n]*')"""
_DOTTED: Final = rf"(?:{_KEY_PART}[ \t]*\.[ \t]*)"
#: A dotted key at a line's start that nests beyond DEPTH_MAX, or of a header or inline table that nests far beyond:
#: tomllib needs 16 s for one of 64 KiB.
_DEEP_KEY: Final = re.compile(
    rf"^[ \t]*{_DOTTED}{{{wire.DEPTH_MAX}}}|^[ \t]*\[\[?[ \t]*{_DOTTED}{{256}}"
    rf"|[{{,][ \t]*{_DOTTED}{{256,}}{_KEY_PART}[ \t]*=",
    re.MULTILINE,
)


def parse(data: bytes, format: ConfigFormat) -> dict[str, Any]:
    """The document that `data` declares, neither substituted nor merged; ConfigError with every path that is wrong."""
    text = _text_of(data)
    document = _parse_toml(text) if format is ConfigFormat.TOML else _parse_json(text)
    if not isinstance(document, dict):
        raise refuse("", f"the root must be a table of sections, not a {type(document).__name__}")
    found = tuple(_unwritable(document))
    if found:
        raise ConfigError(placed(found, data, format))
    return document


def placed(problems: Iterable[Problem], data: bytes, format: ConfigFormat) -> tuple[Problem, ...]:
    """The problems of a config with the lines of its keys in `data`, sorted by line."""
    from pyvorin_edge.config.lines import with_lines  # rarely needed: only for a config that is not valid

    return with_lines(problems, data.decode("utf-8", "replace"), format)


def write(document: dict[str, Any], format: ConfigFormat) -> bytes:
    """`document` as bytes that `parse` reads back to an equal document; by a writer, never by pasting text."""
    _raise_if_any(_unwritable(document))
    if format is ConfigFormat.TOML:
        _raise_if_any(_nulls(document))
        text = tomli_w.dumps(document)
    else:
        text = json.dumps(document, indent=2, allow_nan=False) + "\n"
    data = text.encode("utf-8")
    if len(data) > CONFIG_BYTES_MAX:
        raise refuse("", f"{len(data)} bytes where at most {CONFIG_BYTES_MAX} are allowed")
    return data


def sniff(data: bytes) -> ConfigFormat:
    """The format by content: only JSON can begin with `{`, so a live config may change its format and keep its name."""
    return ConfigFormat.JSON if data.lstrip(b" \t\r\n").startswith(b"{") else ConfigFormat.TOML


def _text_of(data: bytes) -> str:
    if len(data) > CONFIG_BYTES_MAX:
        raise refuse("", f"{len(data)} bytes where at most {CONFIG_BYTES_MAX} are allowed")
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError as why:
        raise refuse("", f"not UTF-8 at byte {why.start}", *_place(data, why.start)) from None
    if text.startswith("\ufeff"):
        raise refuse("", "begins with a byte order mark; save it as plain UTF-8", 1, 1)
    return text


def _parse_toml(text: str) -> Any:
    deep = _DEEP_KEY.search(text)
    if deep is not None:
        raise refuse("", f"a key nested deeper than {wire.DEPTH_MAX}", text.count("\n", 0, deep.end()) + 1)
    try:
        return tomllib.loads(text)
    except (ValueError, RecursionError) as why:
        raise _syntax_error("TOML", why, text) from None


def _parse_json(text: str) -> Any:
    try:
        return wire.loads_strict(text.encode("utf-8"), limit_bytes=CONFIG_BYTES_MAX)
    except WireError as why:
        if why.pointer is not None:
            raise ConfigError(
                placed([Problem(why.pointer, why.why)], text.encode("utf-8"), ConfigFormat.JSON)
            ) from None
        raise _syntax_error("JSON", why, text) from None


def _syntax_error(language: str, why: Exception, text: str) -> ConfigError:
    said = str(why).removeprefix(f"not {language}: ")
    message = "nested too deeply" if isinstance(why, RecursionError) else said
    found = _PLACE.search(message)
    if found is not None:
        line, column = int(found[1]), int(found[2])
        return refuse("", f"not {language}: {message[: found.start()]}", line, column)
    at_end = _AT_END.search(message)
    if at_end is not None:
        data = text.encode("utf-8")
        return refuse("", f"not {language}: {message[: at_end.start()]} at its end", *_place(data, len(data)))
    twice = _twice(text) if language == "JSON" else None
    return twice or refuse("", f"not {language}: {message}")


def _twice(text: str) -> ConfigError | None:
    from pyvorin_edge.config.lines import twice_in_json

    found = twice_in_json(text)
    if found is None:
        return None
    pointer, offset = found
    return refuse(
        pointer, "stands twice in one object", *_place(text.encode("utf-8"), len(text[:offset].encode("utf-8")))
    )


def _place(data: bytes, offset: int) -> tuple[int, int]:
    """Line and column, from 1, of a byte; a column counts letters."""
    begin = data.rfind(b"\n", 0, offset) + 1
    return data.count(b"\n", 0, offset) + 1, len(data[begin:offset].decode("utf-8", "replace")) + 1


def _unwritable(value: Any, pointer: str = "", depth: int = 1) -> Iterator[Problem]:
    if isinstance(value, dict | list) and depth > wire.DEPTH_MAX:
        yield Problem(pointer, f"nested deeper than {wire.DEPTH_MAX}")
    elif isinstance(value, dict):
        for key, item in value.items():
            yield from _uncanonical({key: None}, pointer)
            yield from _unwritable(item, join_pointer(pointer, str(key)), depth + 1)
    elif isinstance(value, list):
        for index, item in enumerate(value):
            yield from _unwritable(item, join_pointer(pointer, str(index)), depth + 1)
    else:
        yield from _uncanonical(value, pointer)


def _uncanonical(value: Any, pointer: str) -> Iterator[Problem]:
    try:
        refuse_uncanonical(value, pointer)
    except CanonicalError as why:
        yield Problem(why.pointer, why.why)


def _nulls(value: Any, pointer: str = "") -> Iterator[Problem]:
    if value is None:
        yield Problem(pointer, "TOML has no null; leave the key out")
    elif isinstance(value, dict):
        for key, item in value.items():
            yield from _nulls(item, join_pointer(pointer, key))
    elif isinstance(value, list):
        for index, item in enumerate(value):
            yield from _nulls(item, join_pointer(pointer, str(index)))


def _raise_if_any(problems: Iterator[Problem]) -> None:
    found = tuple(problems)
    if found:
        raise ConfigError(found)
