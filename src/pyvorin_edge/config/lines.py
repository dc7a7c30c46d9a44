"""Where a key stands in the file: the line of every path, so that a problem can name it.

Neither tomllib nor json tells. The text has been parsed before, so it is known to be valid; what follows is no second
parser but a walk along its tokens. It is imported only when there is a problem to place.
"""

from __future__ import annotations

import json
import re
import tomllib
from bisect import bisect_right
from collections.abc import Iterable, Iterator
from typing import Final

from pyvorin_edge.canonical import join_pointer
from pyvorin_edge.config.problem import Problem
from pyvorin_edge.vocabulary import ConfigFormat

#: A pointer and the offset of the token that begins it.
Mark = tuple[str, int]


def with_lines(problems: Iterable[Problem], text: str, format: ConfigFormat) -> tuple[Problem, ...]:
    """The problems with the line of their key, or of the nearest table around it, sorted by it.

    One that has a line keeps it; one about the document itself has none. A text that cannot be followed gives none.
    """
    lines = lines_of(text, format)
    placed = [_placed(problem, lines) for problem in problems]
    return tuple(sorted(placed, key=lambda problem: (problem.line or 0, problem.column or 0, problem.pointer)))


def lines_of(text: str, format: ConfigFormat) -> dict[str, int]:
    """The line, from 1, of every path in a valid text: of its key, of an item its beginning. Empty if it is not valid.

    A table that several headers add to has the line of the first.
    """
    walk = _Toml(text).marks if format is ConfigFormat.TOML else _Json(text).marks
    breaks = [found.start() for found in re.finditer("\n", text)]
    lines: dict[str, int] = {}
    try:
        for pointer, offset in walk():
            lines.setdefault(pointer, bisect_right(breaks, offset - 1) + 1)
    except (_Lost, ValueError, RecursionError):
        return {}
    return lines


def twice_in_json(text: str) -> Mark | None:
    """The first key that stands twice in one object, and its second offset."""
    seen: set[str] = set()
    try:
        for pointer, offset in _Json(text).marks():
            if pointer in seen:
                return pointer, offset
            seen.add(pointer)
    except (_Lost, ValueError, RecursionError):
        pass
    return None


def _placed(problem: Problem, lines: dict[str, int]) -> Problem:
    pointer = problem.pointer
    while pointer and pointer not in lines:
        pointer = pointer.rpartition("/")[0]
    if problem.line is not None or not pointer:
        return problem
    return Problem(problem.pointer, problem.message, lines[pointer], problem.column)


class _Lost(Exception):
    """The text is not what was expected: better no line than a wrong one."""


class _Walk:
    """A place in a text, and how to take the next token."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._at = 0

    def _take(self, pattern: re.Pattern[str]) -> str | None:
        found = pattern.match(self._text, self._at)
        if found is None:
            return None
        self._at = found.end()
        return found[0]

    def _need(self, pattern: re.Pattern[str]) -> str:
        found = self._take(pattern)
        if found is None:
            raise _Lost
        return found


_JSON_SPACE: Final = re.compile(r"[ \t\r\n]*")
_JSON_STRING: Final = re.compile(r'"(?:[^"\\]|\\.)*"')
_JSON_BARE: Final = re.compile(r"[-+.0-9A-Za-z]+")
_COMMA: Final = re.compile(",")
_COLON: Final = re.compile(":")


class _Json(_Walk):
    """A walk along JSON."""

    def marks(self) -> Iterator[Mark]:
        """Every path, a key's at the key."""
        self._take(_JSON_SPACE)
        yield from self._value("")

    def _value(self, pointer: str) -> Iterator[Mark]:
        match self._text[self._at : self._at + 1]:
            case "{":
                yield from self._members(pointer, "}")
            case "[":
                yield from self._members(pointer, "]")
            case '"':
                self._need(_JSON_STRING)
            case _:
                self._need(_JSON_BARE)

    def _members(self, pointer: str, end: str) -> Iterator[Mark]:
        self._at += 1
        count = 0
        while True:
            self._take(_JSON_SPACE)
            if self._text.startswith(end, self._at):
                self._at += 1
                return
            if count:
                self._need(_COMMA)
                self._take(_JSON_SPACE)
            begin = self._at
            name = self._key() if end == "}" else str(count)
            here = join_pointer(pointer, name)
            yield here, begin
            yield from self._value(here)
            count += 1

    def _key(self) -> str:
        name = json.loads(self._need(_JSON_STRING))
        self._take(_JSON_SPACE)
        self._need(_COLON)
        self._take(_JSON_SPACE)
        return str(name)


_BLANK: Final = re.compile(r"[ \t]*")
_SPACE: Final = re.compile(r"(?:[ \t\r\n]|#[^\n]*)*")
_HEADER: Final = re.compile(r"\[\[?")
_HEADER_END: Final = re.compile(r"\]\]?")
_DOT: Final = re.compile(r"[ \t]*\.[ \t]*")
_EQUALS: Final = re.compile(r"[ \t]*=[ \t]*")
_KEY: Final = re.compile(r"""[A-Za-z0-9_-]+|"(?:[^"\\\n]|\\.)*"|'[^'\n]*'""")
# the longest first; up to two quotes may stand before the three that end a string
_TOML_STRING: Final = re.compile(
    r'"""(?:[^"\\]|\\[\s\S]|"{1,2}(?!"))*"{3,5}'
    r"|'''(?:[^']|'{1,2}(?!'))*'{3,5}"
    r"""|"(?:[^"\\\n]|\\.)*"|'[^'\n]*'"""
)
#: numbers, words, dates; a date may have a space before its time
_TOML_BARE: Final = re.compile(r"\d{4}-\d\d-\d\d \d\d:[^\s,\]}#]+|[^\s,\]}#=\[{\"']+")


class _Toml(_Walk):
    """A walk along TOML."""

    def __init__(self, text: str) -> None:
        super().__init__(text)
        #: arrays of tables: how many items each has so far
        self._items: dict[str, int] = {}

    def marks(self) -> Iterator[Mark]:
        """Every path, a key's at the key, a header's at the bracket."""
        table = ""
        while True:
            self._take(_SPACE)
            if self._at >= len(self._text):
                return
            begin = self._at
            header = self._take(_HEADER)
            if header is None:
                yield from self._pair(table)
                continue
            self._take(_BLANK)
            path = [*self._keys()]
            self._take(_BLANK)
            self._need(_HEADER_END)
            places = [*self._places([name for name, _ in path], array=header == "[[")]
            table = places[-1]
            yield from ((place, begin) for place in places)

    def _places(self, path: list[str], *, array: bool) -> Iterator[str]:
        """The pointers that a header goes through; of an array of tables it means the last item, or adds one."""
        pointer = ""
        for index, name in enumerate(path):
            pointer = join_pointer(pointer, name)
            yield pointer
            if array and index == len(path) - 1:
                self._items[pointer] = self._items.get(pointer, 0) + 1
            if pointer in self._items:
                pointer = f"{pointer}/{self._items[pointer] - 1}"
                yield pointer

    def _pair(self, table: str) -> Iterator[Mark]:
        pointer = table
        for name, begin in self._keys():
            pointer = join_pointer(pointer, name)
            yield pointer, begin
        self._need(_EQUALS)
        yield from self._value(pointer)

    def _keys(self) -> Iterator[Mark]:
        while True:
            begin = self._at
            raw = self._need(_KEY)
            yield (tomllib.loads(f"k = {raw}")["k"] if raw[0] in "\"'" else raw), begin
            if self._take(_DOT) is None:
                return

    def _value(self, pointer: str) -> Iterator[Mark]:
        match self._text[self._at : self._at + 1]:
            case "{":
                yield from self._inline(pointer)
            case "[":
                yield from self._array(pointer)
            case '"' | "'":
                self._need(_TOML_STRING)
            case _:
                self._need(_TOML_BARE)

    def _inline(self, pointer: str) -> Iterator[Mark]:
        self._at += 1
        while True:
            self._take(_SPACE)
            if self._text.startswith("}", self._at):
                self._at += 1
                return
            yield from self._pair(pointer)
            self._take(_SPACE)
            self._take(_COMMA)

    def _array(self, pointer: str) -> Iterator[Mark]:
        self._at += 1
        count = 0
        while True:
            self._take(_SPACE)
            if self._text.startswith("]", self._at):
                self._at += 1
                return
            here = f"{pointer}/{count}"
            yield here, self._at
            yield from self._value(here)
            count += 1
            self._take(_SPACE)
            self._take(_COMMA)
