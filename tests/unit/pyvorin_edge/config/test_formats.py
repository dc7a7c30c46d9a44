"""Bytes to documents and back, and everything refused on the way, by path."""

from __future__ import annotations

import contextlib
import time
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pyvorin_edge.config.formats import CONFIG_BYTES_MAX, parse, sniff, write
from pyvorin_edge.config.problem import ConfigError
from pyvorin_edge.vocabulary import ConfigFormat

TOML, JSON = ConfigFormat.TOML, ConfigFormat.JSON

TEXTS = st.text(st.characters(exclude_categories=("Cs",)), max_size=20)
SCALARS = st.booleans() | st.integers(-(2**53), 2**53) | st.floats(allow_nan=False, allow_infinity=False) | TEXTS
VALUES = st.recursive(
    SCALARS, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXTS, inner, max_size=4), max_leaves=12
)
DOCUMENTS = st.dictionaries(TEXTS, VALUES, max_size=5)


@given(DOCUMENTS, st.sampled_from([TOML, JSON]))
def test_what_is_written_reads_back_the_same(document: dict[str, Any], format: ConfigFormat) -> None:
    assert repr(parse(write(document, format), format)) == repr(
        _sorted_like(document, parse(write(document, format), format))
    )
    assert parse(write(document, format), format) == document


@given(DOCUMENTS, st.sampled_from([TOML, JSON]))
def test_the_format_shows_in_the_content(document: dict[str, Any], format: ConfigFormat) -> None:
    assert sniff(write(document, format)) is format


@given(st.binary(max_size=300) | st.text(max_size=200).map(lambda text: text.encode("utf-8", "surrogatepass")))
def test_any_bytes_parse_or_are_refused_with_a_problem(data: bytes) -> None:
    for format in (TOML, JSON):
        with contextlib.suppress(ConfigError):
            assert isinstance(parse(data, format), dict)


@pytest.mark.parametrize(
    ("data", "format", "pointer", "word"),
    [
        (b"a = 2026-11-24", TOML, "/a", "date"),
        (b"[s]\nx = [1, nan]", TOML, "/s/x/1", "NaN"),
        (b"x = -inf", TOML, "/x", "infinit"),
        (b"x = 9007199254740993", TOML, "/x", "2^53"),
        (b'{"a": {"b/c": 9007199254740993}}', JSON, "/a/b~1c", "2^53"),
        (b'{"a": 1e999}', JSON, "/a", "infinit"),
        (b'{"a": ["\\ud800"]}', JSON, "/a/0", "surrogate"),
        (b'{"a": {"\\udc00": 1}}', JSON, "/a", "surrogate"),
        (b'{"a": NaN}', JSON, "", "NaN"),
        (b'{"a": 1, "a": 2}', JSON, "/a", "line 1, column 10, /a: stands twice"),
        (b"a = 1\na = 2", TOML, "", "overwrite"),
        (b"[1]", JSON, "", "root"),
        (b"a = \xff", TOML, "", "UTF-8"),
        (b"\xef\xbb\xbfa = 1", TOML, "", "byte order mark"),
        (b'{"a": ' + b"[" * 40 + b"]" * 40 + b"}", JSON, "", "deeper"),
        (b"a = " + b"[" * 30000 + b"]" * 30000, TOML, "", "nested too deeply"),
        (b"x = 1\n" + b".".join([b"a"] * 40) + b" = 1", TOML, "", "line 2"),
        (b" . ".join([b'"\\"."'] * 17) + b" = 1", TOML, "", "deeper"),
        (b"x = {" + b".".join([b"a"] * 40) + b" = 1}", TOML, "/x" + "/a" * 15, "deeper"),
        (b"a = " + b"9" * 5000, TOML, "", "TOML"),
        (b"a = 1" + b" " * CONFIG_BYTES_MAX, TOML, "", "at most 65536"),
    ],
)  # fmt: skip
def test_what_has_no_canonical_form_is_refused_by_path(
    data: bytes, format: ConfigFormat, pointer: str, word: str
) -> None:
    with pytest.raises(ConfigError) as caught:
        parse(data, format)
    [problem] = caught.value.problems
    assert problem.pointer == pointer
    assert word in str(problem)


@pytest.mark.parametrize(
    "evil",
    [
        b"a." * 32_000 + b"b = 1",
        b"x = {" + b"a." * 32_000 + b"b = 1}",
        b"[" + b"a." * 32_000 + b"b]",
        b'"' * 65_000,
        b'"\\""."' * 10_000,
        b"a = " + b"'" * 65_000,
        b'a = "' + b"\\n" * 32_000 + b'"',
        b"[[a]]\n" * 10_000,
        b"a = {" * 13_000,
        b"a = [" + b"{}," * 20_000 + b"]",
        b"\n".join(b"[%d.b]" % number for number in range(7_000)),
        b"a" * 65_000,
        b" " * 65_000 + b"=",
        b"a = " + b"1_" * 30_000,
    ],
)
def test_no_file_within_the_size_takes_long(evil: bytes) -> None:
    started = time.process_time()
    with contextlib.suppress(ConfigError):
        parse(evil[:CONFIG_BYTES_MAX], TOML)
    assert time.process_time() - started < 5.0


def test_the_deepest_key_allowed_is_read() -> None:
    assert parse(b".".join([b"a"] * 16) + b" = 1", TOML)


def test_all_problems_are_told_at_once() -> None:
    with pytest.raises(ConfigError) as caught:
        parse(b"a = nan\nb = inf\nc = 1979-05-27", TOML)
    assert [problem.pointer for problem in caught.value.problems] == ["/a", "/b", "/c"]


@pytest.mark.parametrize(
    ("data", "format", "sentence"),
    [
        (b"[sensors]\npoll = \n", TOML, "line 2, column 8, the document: not TOML: Invalid value"),
        (b"[sensors]\n\"\xc3\xa4\" = 'x", TOML, "line 2, column 9, the document: not TOML: Expected \"'\" at its end"),
        (b'{\n "a": ,}', JSON, "line 2, column 7, the document: not JSON: Expecting value"),
        (b"a = 1\nb = '\xc3\xa4\xff'", TOML, "line 2, column 7, the document: not UTF-8 at byte 13"),
        (b"x = 1\n[s]\ny = inf\n", TOML, "line 3, /s/y: NaN and infinities have no JSON form"),
        (b'{"a":\n [1,\n 1e999]}', JSON, "line 3, /a/1: NaN and infinities have no JSON form"),
    ],
)  # fmt: skip
def test_what_is_wrong_says_where(data: bytes, format: ConfigFormat, sentence: str) -> None:
    with pytest.raises(ConfigError) as caught:
        parse(data, format)
    assert str(caught.value) == sentence


def test_null_cannot_be_written_to_toml_and_is_named() -> None:
    with pytest.raises(ConfigError, match="/a/b/0"):
        write({"a": {"b": [None]}}, TOML)
    assert parse(write({"a": None}, JSON), JSON) == {"a": None}


def test_a_document_too_large_to_be_read_is_not_written() -> None:
    with pytest.raises(ConfigError, match="65536"):
        write({"a": "x" * CONFIG_BYTES_MAX}, TOML)


def _sorted_like(document: Any, model: Any) -> Any:
    """`document` with its keys in the order of `model`: TOML puts tables last, and repr tells 1 from 1.0 and True."""
    if isinstance(document, dict):
        return {key: _sorted_like(document[key], model[key]) for key in model}
    if isinstance(document, list):
        return [_sorted_like(one, other) for one, other in zip(document, model, strict=True)]
    return document
