"""What can be wrong with a config: every problem names its field."""

from __future__ import annotations

from collections.abc import Iterable

import msgspec

from pyvorin_edge.errors import PyvorinError


class Problem(msgspec.Struct, frozen=True):
    """One thing wrong with a config. The message never shows a value that came from the environment."""

    #: JSON Pointer of the field; empty = the document itself
    pointer: str
    message: str
    #: line in the file, from 1, where the parser knows it
    line: int | None = None
    #: of a text that does not parse: where in the line, from 1
    column: int | None = None

    def __str__(self) -> str:
        place = "" if self.line is None else f"line {self.line}, "
        place += "" if self.column is None else f"column {self.column}, "
        return f"{place}{self.pointer or 'the document'}: {self.message}"


class ConfigError(PyvorinError):
    """A config that cannot be used, with all its problems, not only the first."""

    def __init__(self, problems: Iterable[Problem]) -> None:
        self.problems = tuple(problems)
        super().__init__("; ".join(str(problem) for problem in self.problems))


def refuse(pointer: str, message: str, line: int | None = None, column: int | None = None) -> ConfigError:
    """A ConfigError of a single problem, to be raised by the caller."""
    return ConfigError((Problem(pointer, message, line, column),))
