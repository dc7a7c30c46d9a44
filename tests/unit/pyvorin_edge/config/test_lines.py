"""Where a key stands: the lines of the walk are those of the parsers' own paths, for any way to write a document."""

from __future__ import annotations

import json
import tomllib
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pyvorin_edge.canonical import join_pointer
from pyvorin_edge.config.lines import lines_of, twice_in_json, with_lines
from pyvorin_edge.config.problem import Problem
from pyvorin_edge.vocabulary import ConfigFormat

TOML, JSON = ConfigFormat.TOML, ConfigFormat.JSON

EVERY_WAY = '''\
# a comment = with a sign
title = """
not.a.key = 1
[not.a.table] \\""" still \"\"\"\"
quoted = 'x'
"a b".'c.d' . e = [ 1, # one ]
  [2, 3],
  { f = "}", g.h = 1979-05-27 07:32:00Z },
]
literal = \'\'\'
]]\'\'\'

[cloud]
endpoint="https://h/#not-a-comment"
[sensors.deep]
[[sensors.devices]]
name = "one"
[sensors.devices.more]
x = inf
[[ sensors . "devices" ]]
name = "two"
[[sensors.devices.parts]]
p = 1
[[sensors.devices.parts]]
p = { }
'''
PLACES = {
    "/title": 2, "/quoted": 5, "/a b": 6, "/a b/c.d": 6, "/a b/c.d/e": 6, "/a b/c.d/e/0": 6, "/a b/c.d/e/1": 7,
    "/a b/c.d/e/1/0": 7, "/a b/c.d/e/1/1": 7, "/a b/c.d/e/2": 8, "/a b/c.d/e/2/f": 8, "/a b/c.d/e/2/g": 8,
    "/a b/c.d/e/2/g/h": 8, "/literal": 10, "/cloud": 13, "/cloud/endpoint": 14, "/sensors": 15, "/sensors/deep": 15,
    "/sensors/devices": 16, "/sensors/devices/0": 16, "/sensors/devices/0/name": 17, "/sensors/devices/0/more": 18,
    "/sensors/devices/0/more/x": 19, "/sensors/devices/1": 20, "/sensors/devices/1/name": 21,
    "/sensors/devices/1/parts": 22, "/sensors/devices/1/parts/0": 22, "/sensors/devices/1/parts/0/p": 23,
    "/sensors/devices/1/parts/1": 24, "/sensors/devices/1/parts/1/p": 25,
}  # fmt: skip


def test_every_way_to_write_toml_is_followed() -> None:
    assert lines_of(EVERY_WAY, TOML) == PLACES
    assert lines_of(EVERY_WAY.replace("\n", "\r\n"), TOML) == PLACES


def test_json_is_followed_too() -> None:
    text = '{\n "a": [1,\n  {"b\\u0020{": "]\\""}\n ],\n "c":\n  {}\n}'
    assert lines_of(text, JSON) == {"/a": 2, "/a/0": 2, "/a/1": 3, "/a/1/b {": 3, "/c": 5}


@pytest.mark.parametrize("text", ["a = ", "[a", "a = [1", "= 1", 'a = "', "{", '{"a"', "[1 2]", "]"])
def test_a_text_that_is_not_valid_gives_no_line(text: str) -> None:
    assert set(lines_of(text, TOML)) <= {"/a", "/a/0"}
    assert set(lines_of(text, JSON)) <= {"/a", "/0"}


def test_a_problem_gets_the_line_of_its_key_or_of_what_is_around_it() -> None:
    found = [Problem("/sensors/devices/1/unit/x", "a"), Problem("/cloud/endpoint", "b"), Problem("/gone", "c")]
    placed = with_lines([*found, Problem("", "d"), Problem("/title", "e", 99)], EVERY_WAY, TOML)
    assert [(problem.message, problem.line) for problem in placed] == [
        ("d", None),
        ("c", None),
        ("b", 14),
        ("a", 20),
        ("e", 99),
    ]


def test_the_key_that_stands_twice_is_found() -> None:
    assert twice_in_json('{"a": {"b": 1, "c": 2, "b": 3}}') == ("/a/b", 23)
    assert twice_in_json('{"a": [{"b": 1}, {"b": 1}]}') is None


KEYS = st.text(max_size=3, alphabet=st.characters(codec="utf-8")) | st.sampled_from(
    ["a", "b.c", "a-b", "'", '"', "~/", "é", "\\"]
)
SCALARS = st.sampled_from(
    ["1", "-7", "0x1F", "1e3", "true", "nan", "1979-05-27", "07:32:00", "1979-05-27 07:32:00.5+01:00"]
)
STRINGS = st.text(alphabet="a\"'\\\n#=[]{},. ", max_size=8)
TREES = st.recursive(
    SCALARS | STRINGS.map(lambda text: ("text", text)),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner, max_size=3),
    max_leaves=12,
)


class Writer:
    """Writes a tree as TOML in a way that `draw` decides, with a line for each thing that may have one."""

    def __init__(self, draw: Any) -> None:
        self._draw = draw

    def document(self, tree: dict[str, Any]) -> str:
        return "\n".join(self._table(tree, ()))

    def _table(self, tree: dict[str, Any], path: tuple[str, ...]) -> Iterator[str]:
        later = {key for key, item in tree.items() if self._can_be_header(item) and self._draw(st.booleans())}
        for key, item in tree.items():
            if key not in later:
                yield from self._pair(self._key(key), item)
        for key in later:
            here = (*path, self._key(key))
            items = tree[key] if isinstance(tree[key], list) else [tree[key]]
            for item in items:
                yield self._pick(
                    ("[[{}]]", "[[ {} ]] # ]") if isinstance(tree[key], list) else ("[{}]", " [ {} ]")
                ).format(self._pick((".", " . ")).join(here))
                yield from self._table(item, here)

    def _pair(self, key: str, item: Any) -> Iterator[str]:
        if isinstance(item, dict) and item and self._draw(st.booleans()):
            for inner, value in item.items():
                yield from self._pair(f"{key}.{self._key(inner)}", value)
        else:
            yield f"{key} = {self._value(item, inline=False)}{self._pick(('', '  # x = 1', ''))}"

    def _value(self, item: Any, *, inline: bool) -> str:
        match item:
            case str():
                return item
            case ("text", str(text)):
                return self._text(text, inline=inline)
            case list():
                space = "" if inline else self._pick(("", "\n", " # ]\n", "\r\n"))
                inner = [self._value(one, inline=inline) for one in item]
                return f"[{space}{f',{space}'.join(inner)}{space}]"
            case dict():
                return (
                    "{"
                    + ", ".join(f"{self._key(key)} = {self._value(one, inline=True)}" for key, one in item.items())
                    + "}"
                )
        raise AssertionError(item)

    def _text(self, text: str, *, inline: bool) -> str:
        plain = json.dumps(text)
        ways = [plain]
        if "'" not in text and "\n" not in text:
            ways.append(f"'{text}'")
        if not inline:
            ways.append('"""\n' + text.replace("\\", "\\\\").replace('"""', '""\\"').rstrip('"') + '\\\n  """')
            if "'''" not in text and not text.endswith("'"):
                ways.append(f"'''\n{text}'''")
        return self._pick(tuple(ways))

    def _key(self, key: str) -> str:
        if key and key.isascii() and key.replace("-", "").replace("_", "").isalnum():
            return self._pick((key, f"'{key}'", f'"{key}"'))
        return json.dumps(key, ensure_ascii=False).replace("\x7f", "\\u007f")

    def _can_be_header(self, item: Any) -> bool:
        return isinstance(item, dict) or (
            isinstance(item, list) and item != [] and all(isinstance(i, dict) for i in item)
        )

    def _pick(self, ways: tuple[str, ...]) -> str:
        return str(self._draw(st.sampled_from(ways)))


def paths(value: Any, pointer: str = "") -> Iterator[str]:
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, item in items:
        here = join_pointer(pointer, str(key))
        yield here
        yield from paths(item, here)


@given(st.data(), st.dictionaries(KEYS, TREES, max_size=4))
def test_the_paths_are_those_of_tomllib_and_lines_never_run_backwards(
    data: st.DataObject, tree: dict[str, Any]
) -> None:
    text = Writer(data.draw).document(tree)
    parsed = tomllib.loads(text)
    lines = lines_of(text, TOML)
    assert sorted(lines) == sorted(paths(parsed))
    assert all(lines[path] >= lines.get(path.rpartition("/")[0], 1) for path in lines)


@given(st.data(), st.dictionaries(KEYS, TREES, max_size=4))
def test_the_line_is_where_a_break_makes_tomllib_stumble(data: st.DataObject, tree: dict[str, Any]) -> None:
    """What stands before the line parses without the path, or it was not the first line of it."""
    text = Writer(data.draw).document(tree)
    rows = text.split("\n")
    for path, line in lines_of(text, TOML).items():
        try:
            before = set(paths(tomllib.loads("\n".join(rows[: line - 1]))))
        except tomllib.TOMLDecodeError:
            continue  # within an array or a string
        assert path not in before


@given(
    st.recursive(
        st.none() | st.floats(allow_nan=False) | st.text(),
        lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    )
)
def test_the_paths_are_those_of_json(value: Any) -> None:
    for indent in (None, 1):
        text = json.dumps({"root": value}, indent=indent)
        lines = lines_of(text, JSON)
        assert sorted(lines) == sorted(paths({"root": value}))


@given(st.text(alphabet="a=.[]{}\"'\n#, 1\\"))
def test_any_text_is_followed_or_given_up(text: str) -> None:
    found = lines_of(text, TOML)
    try:
        parsed = tomllib.loads(text)
    except tomllib.TOMLDecodeError:
        return
    assert sorted(found) == sorted(paths(parsed))
