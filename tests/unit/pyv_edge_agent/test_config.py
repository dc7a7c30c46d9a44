"""The article's Config: its snippet runs unchanged, secrets never enter a hash, validation tells all at once."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import pytest

from pyv_edge_agent.config import Config
from pyvorin_edge.config.problem import ConfigError

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
    assert [problem.pointer for problem in caught.value.problems] == ["/cloud/api_key", "/health/port"]
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
