"""The wire: bounded in size and depth, no key twice, and nothing comes in that could not be written again."""

from __future__ import annotations

import json
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pyvorin_edge import wire
from pyvorin_edge.errors import WireError

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=4), inner, max_size=4),
    max_leaves=12,
)


def read(data: bytes | str, limit_bytes: int = 10_000) -> Any:
    return wire.loads_strict(data.encode() if isinstance(data, str) else data, limit_bytes=limit_bytes)


@given(JSON)
def test_what_json_says_is_what_is_read(value: Any) -> None:
    assert json.dumps(read(json.dumps(value), 10**6)) == json.dumps(value)


@given(st.binary(max_size=200) | st.text('{}[]":,\\ud8e19.+-', max_size=60).map(str.encode))
def test_any_bytes_are_read_or_refused_and_what_was_read_can_be_written(data: bytes) -> None:
    try:
        value = read(data)
    except WireError:
        return
    assert msgspec.json.decode(wire.encode(value)) == value


@given(st.text(max_size=5), JSON, JSON, st.integers(0, 5))
def test_a_key_that_stands_twice_is_refused_at_any_depth(key: str, one: Any, two: Any, depth: int) -> None:
    twice = f"{{{json.dumps(key)}:{json.dumps(one)},{json.dumps(key)}:{json.dumps(two)}}}"
    with pytest.raises(WireError, match=r"stands twice"):
        read('{"a":[' * depth + twice + "]}" * depth)


def test_the_limit_is_in_bytes_and_holds_before_parsing() -> None:
    assert read('"é"', limit_bytes=4) == "é"
    with pytest.raises(WireError, match="4 bytes where at most 3"):
        read('"é"', limit_bytes=3)


@pytest.mark.parametrize("opening", ["[", '{"a":', '[{"x":'])
def test_depth_16_is_read_and_17_is_not(opening: str) -> None:
    levels = len(opening.strip('"ax:')) or 1
    nested = [0] if "[" in opening else {"a": 0}
    for _ in range(15):
        nested = {"a": nested} if "{" in opening else [nested]  # type: ignore[assignment]
    assert read(json.dumps(nested)) == nested
    with pytest.raises(WireError, match="deeper than 16"):
        read(json.dumps([nested]))
    with pytest.raises(WireError, match="deeper than 16"):
        read(opening * (2000 // levels))


def test_brackets_within_strings_are_no_depth() -> None:
    text = '"' + "[" * 50 + '\\"' + "{" * 50 + '"'
    assert read(f"[{text}]") == [json.loads(text)]


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le", "utf-32", "utf-8-sig"])
def test_only_plain_utf_8_is_json(encoding: str) -> None:
    with pytest.raises(WireError, match="not JSON"):
        read('{"a": 1}'.encode(encoding))


@pytest.mark.parametrize(
    "text", ["NaN", "Infinity", "-Infinity", "1e999", "-1E+400", "1" * 310 + ".0", "9" * 290 + "e99", "1.e5", "01", ""]
)
def test_what_is_no_finite_json_number_is_refused(text: str) -> None:
    with pytest.raises(WireError):
        read(f"[{text}]" if text else "")


@pytest.mark.parametrize(
    ("data", "pointer"),
    [(b'{"a":["\\ud800"]}', "/a/0"), (b'{"a":{"\\uDC00x":1}}', "/a"), (b'{"a":{"b":1e999}}', "/a/b")],
)
def test_what_could_not_be_written_again_is_refused_with_its_path(data: bytes, pointer: str) -> None:
    with pytest.raises(WireError) as refused:
        read(data)
    assert refused.value.pointer == pointer


def test_a_surrogate_pair_is_one_letter() -> None:
    assert read('"\\ud83d\\ude00"') == "😀"


def test_raw_surrogates_are_no_utf_8() -> None:
    with pytest.raises(WireError, match="not JSON"):
        read(b'"\xed\xa0\x80"')


class Point(msgspec.Struct):
    x: int
    y: int = 0


def test_decode_ignores_unknown_fields_and_names_wrong_ones() -> None:
    assert wire.decode(b'{"x":1,"z":2}', Point, limit_bytes=99) == Point(1)
    with pytest.raises(WireError, match=r"`\$\.x`"):
        wire.decode(b'{"x":"1"}', Point, limit_bytes=99)
    with pytest.raises(WireError, match="`x`"):
        wire.decode(b"{}", Point, limit_bytes=99)
