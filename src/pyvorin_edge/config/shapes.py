"""What a value in a config may look like: small frozen shapes that check, fill in defaults, and nest."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from typing import Any, Protocol

import msgspec

from pyvorin_edge.canonical import join_pointer
from pyvorin_edge.config.problem import Problem
from pyvorin_edge.config.variables import WELL_FORMED, malformed

#: The default of a key that may be missing, and then stays missing.
ABSENT = msgspec.UNSET
#: The default of a key that must stand in the document.
REQUIRED = msgspec.NODEFAULT


class Shape(Protocol):
    """A kind of value."""

    @property
    def default(self) -> Any:
        """What a missing key means: a value, ABSENT or REQUIRED."""

    def problems(self, value: Any, pointer: str, substituted: bool) -> Iterator[Problem]:
        """What is wrong with `value`; unless `substituted`, a string that holds `${…}` is only checked
        to be well formed."""

    def fill(self, value: Any) -> Any:
        """`value` with defaults in its missing keys; a value of another type is left as it is, for `problems`."""

    @property
    def means(self) -> str:
        """What the key is for, in a sentence; empty if its name says it."""

    def schema(self) -> dict[str, Any]:
        """What `problems` lets pass before substitution, as far as JSON Schema (2020-12) can say it."""


class Flag(msgspec.Struct, frozen=True, kw_only=True):
    """true or false."""

    default: Any = ABSENT
    means: str = ""

    def problems(self, value: Any, pointer: str, substituted: bool) -> Iterator[Problem]:
        """See Shape."""
        if not isinstance(value, bool):
            yield Problem(pointer, f"must be true or false, not {_kind(value)}")

    def fill(self, value: Any) -> Any:
        """See Shape."""
        return value

    def schema(self) -> dict[str, Any]:
        """See Shape."""
        return {"type": "boolean"}


class Number(msgspec.Struct, frozen=True, kw_only=True):
    """A number within bounds; `whole` refuses fractions. A `${…}` cannot give one: substitution makes strings."""

    default: Any = ABSENT
    means: str = ""
    least: float = -math.inf
    most: float = math.inf
    #: the value must be greater than this
    above: float = -math.inf
    whole: bool = False

    def problems(self, value: Any, pointer: str, substituted: bool) -> Iterator[Problem]:
        """See Shape."""
        kind = int if self.whole else int | float
        if isinstance(value, bool) or not isinstance(value, kind):
            yield Problem(pointer, f"must be a {'whole ' if self.whole else ''}number, not {_kind(value)}")
        elif not (self.least <= value <= self.most and value > self.above):
            yield Problem(pointer, f"must be {self._range()}, not {value!r}")

    def fill(self, value: Any) -> Any:
        """See Shape."""
        return value

    def schema(self) -> dict[str, Any]:
        """See Shape."""
        bounds = {"minimum": self.least, "maximum": self.most, "exclusiveMinimum": self.above}
        kind = "integer" if self.whole else "number"
        return {"type": kind, **{name: value for name, value in bounds.items() if math.isfinite(value)}}

    def _range(self) -> str:
        parts = [
            f"at least {self.least:g}" if self.least > -math.inf else "",
            f"above {self.above:g}" if self.above > -math.inf else "",
            f"at most {self.most:.10g}" if self.most < math.inf else "",
        ]
        return " and ".join(part for part in parts if part)


class Text(msgspec.Struct, frozen=True, kw_only=True):
    """A string, perhaps one of a closed set of words; `later` are words that are known but not built yet."""

    default: Any = ABSENT
    means: str = ""
    words: tuple[str, ...] = ()
    later: tuple[str, ...] = ()
    nonempty: bool = False
    longest: int = 4096

    def problems(self, value: Any, pointer: str, substituted: bool) -> Iterator[Problem]:
        """See Shape."""
        if not isinstance(value, str):
            yield Problem(pointer, f"must be a string, not {_kind(value)}")
        elif not substituted and "${" in value:
            why = malformed(value)
            if why is not None:
                yield Problem(pointer, why)
        elif self.nonempty and not value.strip():
            yield Problem(pointer, "must not be empty")
        elif len(value) > self.longest:
            yield Problem(pointer, f"{len(value)} characters where at most {self.longest} are allowed")
        elif value in self.later:
            yield Problem(pointer, f"{value!r} is not built yet in this version; use {_one_of(self.words)}")
        elif self.words and value not in self.words:
            yield Problem(pointer, f"must be {_one_of(self.words)}")

    def fill(self, value: Any) -> Any:
        """See Shape."""
        return value

    def schema(self) -> dict[str, Any]:
        """See Shape."""
        said: dict[str, Any] = {"maxLength": self.longest}
        if self.words:
            said = {"enum": list(self.words)}
        if self.nonempty:
            said["pattern"] = r"\S"
        # what holds a `${…}` is judged after substitution; until then it need only be well formed
        return {"type": "string", "if": {"pattern": r"\$\{"}, "then": {"pattern": WELL_FORMED}, "else": said}


class FreeTable(msgspec.Struct, frozen=True, kw_only=True):
    """A table of anything that JSON can say: its keys are known to somebody else, who checks them."""

    default: Any = ABSENT
    means: str = ""

    def problems(self, value: Any, pointer: str, substituted: bool) -> Iterator[Problem]:
        """See Shape."""
        if not isinstance(value, dict):
            yield Problem(pointer, f"must be a table, not {_kind(value)}")

    def fill(self, value: Any) -> Any:
        """See Shape."""
        return value

    def schema(self) -> dict[str, Any]:
        """See Shape."""
        return {"type": "object"}


class ListOf(msgspec.Struct, frozen=True, kw_only=True):
    """A list of one shape, of at most `most` items; `unique` names a key that no two items may share."""

    item: Shape
    default: Any = ()
    means: str = ""
    most: int = 1000
    unique: str | None = None

    def problems(self, value: Any, pointer: str, substituted: bool) -> Iterator[Problem]:
        """See Shape."""
        if not isinstance(value, list):
            yield Problem(pointer, f"must be a list, not {_kind(value)}")
            return
        if len(value) > self.most:
            yield Problem(pointer, f"{len(value)} items where at most {self.most} are allowed")
            return
        for index, item in enumerate(value):
            yield from self.item.problems(item, join_pointer(pointer, str(index)), substituted)
        yield from self._twice(value, pointer)

    def fill(self, value: Any) -> Any:
        """See Shape."""
        return [self.item.fill(item) for item in value] if isinstance(value, list | tuple) else value

    def schema(self) -> dict[str, Any]:
        """See Shape."""
        return {"type": "array", "maxItems": self.most, "items": described(self.item)}

    def _twice(self, items: list[Any], pointer: str) -> Iterator[Problem]:
        seen: dict[str, int] = {}
        for index, item in enumerate(items):
            name = item.get(self.unique) if self.unique and isinstance(item, dict) else None
            if isinstance(name, str) and seen.setdefault(name, index) != index:
                where = join_pointer(join_pointer(pointer, str(index)), str(self.unique))
                yield Problem(where, f"the same {self.unique} as item {seen[name]}")


class Table(msgspec.Struct, frozen=True, kw_only=True):
    """A table of known keys. An unknown key is a problem: a typo must not pass silently."""

    keys: Mapping[str, Shape]
    default: Any = msgspec.field(default_factory=dict)
    means: str = ""

    def problems(self, value: Any, pointer: str, substituted: bool) -> Iterator[Problem]:
        """See Shape."""
        if not isinstance(value, dict):
            yield Problem(pointer, f"must be a table, not {_kind(value)}")
            return
        for key in value.keys() - self.keys.keys():
            yield Problem(join_pointer(pointer, key), f"unknown key; known here: {', '.join(sorted(self.keys))}")
        for key, shape in self.keys.items():
            here = join_pointer(pointer, key)
            if key in value:
                yield from shape.problems(value[key], here, substituted)
            elif shape.default is not ABSENT:
                yield Problem(here, "is missing")

    def fill(self, value: Any) -> Any:
        """See Shape."""
        if not isinstance(value, dict):
            return value
        filled = dict(value)
        for key, shape in self.keys.items():
            if key in value:
                filled[key] = shape.fill(value[key])
            elif shape.default not in (ABSENT, REQUIRED):
                filled[key] = shape.fill(shape.default)
        return filled

    def schema(self) -> dict[str, Any]:
        """See Shape."""
        required = [key for key, shape in self.keys.items() if shape.default is REQUIRED]
        return {
            "type": "object",
            "additionalProperties": False,
            "properties": {key: described(shape) for key, shape in self.keys.items()},
            **({"required": required} if required else {}),
        }


def described(shape: Shape) -> dict[str, Any]:
    """The shape's JSON Schema with what it means and its default."""
    said = {"description": shape.means} if shape.means else {}
    given = {} if shape.default in (ABSENT, REQUIRED) else {"default": shape.fill(shape.default)}
    return {**said, **shape.schema(), **given}


def _kind(value: Any) -> str:
    match value:
        case None:
            return "null"
        case bool():
            return "true or false"
        case int() | float():
            return "a number"
        case str():
            return "a string"
        case list():
            return "a list"
        case dict():
            return "a table"
    return f"a {type(value).__name__}"


def _one_of(words: tuple[str, ...]) -> str:
    return words[0] if len(words) == 1 else f"{', '.join(words[:-1])} or {words[-1]}"
