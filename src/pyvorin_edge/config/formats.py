"""Configs as bytes: TOML and JSON in, the same out (PROTOCOL 7). What has no canonical form is refused by path."""

from __future__ import annotations

import json
import re
import tomllib
from collections.abc import Iterator
from typing import Any, Final

import tomli_w

from pyvorin_edge import wire
from pyvorin_edge.canonical import join_pointer, refuse_uncanonical
from pyvorin_edge.config.problem import ConfigError, Problem, refuse
from pyvorin_edge.errors import CanonicalError, WireError
from pyvorin_edge.vocabulary import ConfigFormat

CONFIG_BYTES_MAX: Final = wire.BLOB_BYTES_MAX
_LINE: Final = re.compile(r"\bline (\d+)")
#: A dotted key at a line's start that nests beyond DEPTH_MAX: tomllib needs 16 s for one of 64 KiB.
_KEY_PART: Final = r"""(?:[A-Za-z0-9_-]+|"(?:[^"\\\n]|\\.)*"|'[^'\n]*')"""
_DEEP_KEY: Final = re.compile(rf"^[ \t]*(?:{_KEY_PART}[ \t]*\.[ \t]*){{{wire.DEPTH_MAX}}}", re.MULTILINE)


def parse(data: bytes, format: ConfigFormat) -> dict[str, Any]:
    """The document that `data` declares, neither substituted nor merged; ConfigError with every path that is wrong."""
    text = _text_of(data)
    document = _parse_toml(text) if format is ConfigFormat.TOML else _parse_json(text)
    if not isinstance(document, dict):
        raise refuse("", f"the root must be a table of sections, not a {type(document).__name__}")
    _raise_if_any(_unwritable(document))
    return document


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
        raise refuse("", f"not UTF-8 at byte {why.start}", data.count(b"\n", 0, why.start) + 1) from None
    if text.startswith("\ufeff"):
        raise refuse("", "begins with a byte order mark; save it as plain UTF-8", 1)
    return text


def _parse_toml(text: str) -> Any:
    deep = _DEEP_KEY.search(text)
    if deep is not None:
        raise refuse("", f"a key nested deeper than {wire.DEPTH_MAX}", text.count("\n", 0, deep.end()) + 1)
    try:
        return tomllib.loads(text)
    except (ValueError, RecursionError) as why:
        raise _syntax_error("TOML", why) from None


def _parse_json(text: str) -> Any:
    try:
        return wire.loads_strict(text.encode("utf-8"), limit_bytes=CONFIG_BYTES_MAX)
    except WireError as why:
        if why.pointer is not None:
            raise refuse(why.pointer, why.why) from None
        raise _syntax_error("JSON", why) from None


def _syntax_error(language: str, why: Exception) -> ConfigError:
    found = _LINE.search(str(why))
    message = "nested too deeply" if isinstance(why, RecursionError) else str(why)
    return refuse("", f"not {language}: {message}", int(found[1]) if found else None)


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
