"""The article's Config: its snippet runs unchanged, secrets never enter a hash, validation tells all at once."""

from __future__ import annotations

import contextlib
import hashlib
import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pyv_edge_agent.config import Config
from pyvorin_edge.config.document import SCHEMA
from pyvorin_edge.config.problem import ConfigError
from pyvorin_edge.config.shapes import ListOf, Table, Text
from pyvorin_edge.vocabulary import ConfigFormat

TOML = '[cloud]\nenabled = true\nendpoint = "https://api.example.com/v1"\napi_key = "${API_KEY}"\n'
KEY = b"k" * 32


def config_hash(config_path: Path) -> str:
    """The article's own function, letter for letter."""
    cfg = Config.from_file(config_path)
    canonical = json.dumps(cfg.to_dict(), sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(canonical.encode("utf-8")).hexdigest()


def test_the_articles_snippet_gives_the_config_hash(tmp_path: Path) -> None:
    path = tmp_path / "config.toml"
    path.write_text(TOML)
    assert config_hash(path) == Config.from_file(str(path)).declared_hash()


def test_a_file_in_json_under_any_name_reads_as_the_same_document(tmp_path: Path) -> None:
    path = tmp_path / "config.toml"
    path.write_text(TOML)
    declared = Config.from_file(path).to_dict()
    path.write_text(json.dumps(declared, indent=2))
    assert Config.from_file(path).to_dict() == declared


def test_reading_neither_substitutes_nor_validates() -> None:
    config = Config.from_bytes(b'[cloud]\nwrong = "${UNSET}"')
    assert config.to_dict() == {"cloud": {"wrong": "${UNSET}"}}


def test_nobody_can_change_the_declared_document_from_outside() -> None:
    config = Config({"cloud": {"api_key": "a"}})
    config.to_dict()["cloud"]["api_key"] = "b"
    config.effective({})["cloud"]["api_key"] = "c"
    assert config.to_dict() == {"cloud": {"api_key": "a"}}


def test_effective_merges_defaults_and_substitutes() -> None:
    effective = Config.from_bytes(TOML.encode()).effective({"API_KEY": "k1"})
    assert (effective["cloud"]["api_key"], effective["cloud"]["batch_size"]) == ("k1", 100)
    assert effective["health"]["port"] == 8080


def test_validation_names_all_that_is_wrong_and_shows_no_value() -> None:
    config = Config.from_bytes(b'[health]\nport = 0\n[logging]\nlevel = "${LEVEL}"\n[cloud]\napi_key = "${API_KEY}"')
    with pytest.raises(ConfigError) as caught:
        config.validate({"LEVEL": "hunter2"})
    assert [str(problem) for problem in caught.value.problems] == [
        "line 2, /health/port: must be at least 1 and at most 65535, not 0",
        "line 6, /cloud/api_key: variable API_KEY is not set, and no default is given as in ${API_KEY:-…}",
    ]
    with pytest.raises(ConfigError) as caught:
        config.validate({"LEVEL": "hunter2", "API_KEY": "x"})
    assert [problem.pointer for problem in caught.value.problems] == ["/health/port", "/logging/level"]
    assert "hunter2" not in str(caught.value)


def test_a_valid_config_validates() -> None:
    Config.from_bytes(TOML.encode()).validate({"API_KEY": "k"})


def test_the_effective_hash_tells_that_a_secret_changed() -> None:
    config = Config.from_bytes(TOML.encode())
    hashes = [config.effective_hash({"API_KEY": value}, KEY) for value in ("a", "b", "a")]
    assert hashes[0] == hashes[2] != hashes[1]
    assert config.declared_hash() == Config.from_bytes(TOML.encode()).declared_hash()


def test_the_effective_hash_cannot_be_guessed_without_the_device_key() -> None:
    config = Config({"cloud": {"api_key": "literal"}})
    assert config.effective_hash({}, KEY) != config.effective_hash({}, b"o" * 32)
    plain = Config({"health": {"port": 9}})
    assert plain.effective_hash({}, KEY) != Config({"health": {"port": 8}}).effective_hash({}, KEY)


def test_files_and_credentials_are_listed_and_taken_by_key() -> None:
    config = Config({"cloud": {"api_key": "${file:/run/key}", "endpoint": "${credential:where:-https://d.example}"}})
    assert [reference.key for reference in config.references()] == ["file:/run/key", "credential:where"]
    effective = config.effective({"file:/run/key": "k"})
    assert (effective["cloud"]["api_key"], effective["cloud"]["endpoint"]) == ("k", "https://d.example")


def test_what_is_shown_hides_all_that_came_through_a_reference() -> None:
    config = Config(
        {"cloud": {"api_key": "${A}", "endpoint": "https://h/?k=${file:/k}"}, "logging": {"level": "DEBUG"}}
    )
    shown = config.shown({"A": "${looks_like_a_name}", "file:/k": "hunter2"})
    assert shown["cloud"]["endpoint"] == shown["cloud"]["api_key"] == "[redacted]"
    assert shown["logging"]["level"] == "DEBUG"


def test_the_effective_hash_holds_files_only_under_the_devices_key() -> None:
    config = Config({"cloud": {"endpoint": "${file:/where}"}})
    one, other = ({"file:/where": value} for value in ("https://a.example", "https://b.example"))
    assert config.effective_hash(one, KEY) == config.effective_hash(one, KEY) != config.effective_hash(other, KEY)
    assert config.effective_hash(one, KEY) != config.effective_hash(one, b"o" * 32)


@given(st.text(min_size=4, alphabet="qxz:/@[]%\u2100\n").map(lambda text: f"ZZ{text}"))
def test_no_problem_shows_a_value_that_came_through_a_reference(secret: str) -> None:
    """Every text that the document has, filled from a file: whatever is wrong with it, the value is not told."""
    told: list[str] = []
    for document in every_text(SCHEMA, "${file:/k}"):
        document.setdefault("cloud", {}).setdefault("enabled", True)
        try:
            Config(document).validate({"file:/k": secret, "file:/url": f"https://h:{secret}/"})
        except ConfigError as why:
            told.extend(problem.message for problem in why.problems)
    assert told
    assert not [message for message in told if "ZZ" in message]


def every_text(shape: Any, text: str) -> Iterator[Any]:
    """Values of the shape with `text`, alone, or within a URL, in one place each."""
    match shape:
        case Text():
            yield from (text, f"https://{text}", f"https://h:{text}/")
        case Table():
            for key, inner in shape.keys.items():
                yield from ({key: value} for value in every_text(inner, text))
        case ListOf():
            yield from ([value] for value in every_text(shape.item, text))


SEEDS = (
    TOML.encode(),
    b'[[sensors.devices]]\nname = "a"\n[[sensors.devices]]\nname = "${file:/x:-}"\n[health]\nport = 1e9\n',
    b'{"sensors": {"devices": [{"name": "a", "base": 1}, {}]}, "cloud": {"enabled": true, "endpoint": "http://[x"}}',
)


@given(st.data(), st.sampled_from(SEEDS), st.sampled_from([None, ConfigFormat.TOML, ConfigFormat.JSON]))
def test_nothing_but_a_config_error_comes_of_any_bytes(
    data: st.DataObject, seed: bytes, format: ConfigFormat | None
) -> None:
    """Cut, doubled and changed anywhere, then read and judged with lines."""
    begin, end = sorted((data.draw(st.integers(0, len(seed))), data.draw(st.integers(0, len(seed)))))
    evil = seed[:begin] + data.draw(st.binary(max_size=4) | st.sampled_from([b"\n[", b'"""', b"${", seed])) + seed[end:]
    with contextlib.suppress(ConfigError):
        Config.from_bytes(evil, format).validate({})


@pytest.mark.parametrize(
    "bomb",
    [
        b"[[a]]\n" * 9_000, b"a = [" + b"{}," * 20_000 + b"]", b"[a" + b".a" * 14 + b"]\n" + b"#" * 60_000,
        b"\n".join(b"[%d.b]" % number for number in range(7_000)), b'a = """' + b'""\\"' * 15_000 + b'"""',
        b'{"a": [' + b"{}," * 20_000 + b"{}]}", b'{"' + b"\\n" * 30_000 + b'": 1}', b'{"a": ' + b"[" * 60_000,
        b'a = "' + b"${A:-" * 12_000 + b'"', b'a = "' + b"${A}" * 16_000 + b'"', b"a = {" * 10_000,
        b"\n" * 65_000 + b"a = 1",
    ],
)  # fmt: skip
def test_no_bomb_takes_long_to_be_refused(bomb: bytes) -> None:
    started = time.process_time()
    with pytest.raises(ConfigError):
        Config.from_bytes(bomb).validate({})
    assert time.process_time() - started < 5.0


def test_digests_of_what_stands_outside_the_file_tell_which_changed_and_not_to_what() -> None:
    config = Config({"cloud": {"api_key": "${API_KEY}", "endpoint": "${HOST:-https://a}"}})
    one, other = (config.hidden_digests({"API_KEY": key}, KEY) for key in ("first", "second"))
    assert one.keys() == other.keys() == {"/cloud/api_key", "/cloud/endpoint"}
    assert [path for path in one if one[path] != other[path]] == ["/cloud/api_key"]
    assert "first" not in str(one)
