"""Whatever stands in a config, it is a document whose problems are all told, or ConfigError; in bounded time."""

from __future__ import annotations

import time
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fuzz.spoiling import FUZZ, strange
from pyv_edge_agent.config import Config
from pyv_edge_agent.state_dir import EnvFileError, environment_of
from pyvorin_edge.config.document import problems, with_defaults
from pyvorin_edge.config.formats import parse, placed, sniff, write
from pyvorin_edge.config.layers import golden_hash, merge_patch
from pyvorin_edge.config.lines import lines_of, twice_in_json
from pyvorin_edge.config.problem import ConfigError
from pyvorin_edge.config.variables import malformed, references, refers, substitute
from pyvorin_edge.expression import Expression, ExpressionError
from pyvorin_edge.vocabulary import ConfigFormat

TOML = b"""# a device
[sensors]
poll_interval_seconds = 2.0
[[sensors.devices]]
name = "temp"
type = "simulator"
base = 21.5
[[rules]]
name = "hot"
sensor = "temp"
condition = "value > 30 and mean > 2 * previous"
[cloud]
enabled = true
endpoint = "https://${HOST:-h}/v1"
api_key = "${file:/run/key}"
[privacy]
rules = [{ match = "temp*", action = "hash" }, { metadata = "who", action = 'drop' }]
[update]
window = { days = ["mon"], from = "22:00" }
at = 2024-01-01 10:00:00Z
text = \"\"\"a
b\"\"\"
"""
JSON = b'{"sensors": {"poll_interval_seconds": 2, "devices": [{"name": "t"}]}, "health": {"port": 8080}}'
CONDITIONS = (b"value > 30 and not previous < 2", b"abs(mean - value) >= 3 * max(1, stddev) or value in (1, 2)")


@FUZZ
@given(strange(TOML, JSON), st.sampled_from(ConfigFormat))
def test_a_config_is_read_with_all_its_problems_or_refused(data: bytes, format: ConfigFormat) -> None:
    began = time.process_time()
    try:
        document = parse(data, format)
        placed(problems(with_defaults(document)), data, format)
        found = references(document)
        substitute(document, {one.key: "value" for one in found})
        assert golden_hash(data, format, None)
    except ConfigError as why:
        assert why.problems
    assert time.process_time() - began < 10  # bounded: not minutes


@FUZZ
@given(strange(TOML, JSON))
def test_the_agents_own_way_of_reading_refuses_likewise(data: bytes) -> None:
    try:
        config = Config.from_bytes(data, sniff(data))
        config.validate({one.key: "1" for one in config.references()})
        config.effective({one.key: "1" for one in config.references()})
    except ConfigError as why:
        assert str(why)


@FUZZ
@given(strange(TOML, JSON), st.sampled_from(ConfigFormat))
def test_lines_are_found_or_not_and_nothing_breaks(data: bytes, format: ConfigFormat) -> None:
    text = data.decode("utf-8", "replace")
    twice_in_json(text)
    assert all(1 <= line <= text.count("\n") + 1 for line in lines_of(text, format).values())


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=12,
)
DOCUMENTS = st.dictionaries(st.text(max_size=5), VALUES)


@FUZZ
@given(
    st.dictionaries(st.text(max_size=5), VALUES),
    st.dictionaries(st.text(max_size=5), VALUES),
    st.sampled_from(ConfigFormat),
)
def test_an_overlay_gives_a_config_that_reads_back_or_is_refused(
    document: dict[str, object], patch: dict[str, object], format: ConfigFormat
) -> None:
    merged = merge_patch(document, patch)
    try:
        data = write(merged, format)
    except ConfigError as why:
        assert why.problems
        return
    assert parse(data, format) == merged


@FUZZ
@given(st.text(max_size=60) | strange(b"a${A}b${file:x:-y}$${Z}").map(lambda data: data.decode("utf-8", "replace")))
def test_references_in_any_text_are_told_or_refused(text: str) -> None:
    malformed(text), refers(text)
    try:
        substitute({"a": text}, {one.key: "v" for one in references({"a": text})})
    except ConfigError as why:
        assert why.problems


@FUZZ
@given(strange(*CONDITIONS).map(lambda data: data.decode("utf-8", "replace")) | st.text(max_size=600))
def test_a_condition_is_compiled_or_refused(text: str) -> None:
    try:
        assert Expression(text)
    except ExpressionError as why:
        assert str(why)


@FUZZ
@given(strange(b"A=1\nexport B='x'\n# c\n"))
def test_an_env_file_is_read_or_names_its_line_and_shows_no_value(tmp_path: Path, data: bytes) -> None:
    (tmp_path / "env").write_bytes(data)
    try:
        assert environment_of(tmp_path / "env", {"P": "q"})
    except EnvFileError as why:
        assert "env" in str(why)


@pytest.mark.parametrize("key", [b"[%sa]\n", b"x={%sa=1}\n", b"%sa=1\n", b"[[%sa]]\n", b"x=[{%sa=1}]\n"])
def test_keys_without_end_are_refused_at_once(key: bytes) -> None:
    began = time.process_time()
    with pytest.raises(ConfigError):
        parse(key % (b"a." * 30_000), ConfigFormat.TOML)
    assert time.process_time() - began < 2  # tomllib alone: seconds here, half a minute on a Pi
