"""What a config may say: the article's example passes as it stands, a typo does not."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pyvorin_edge.config.document import DEFAULTS, problems, with_defaults
from pyvorin_edge.config.formats import parse
from pyvorin_edge.config.layers import merge_patch
from pyvorin_edge.vocabulary import ConfigFormat

ARTICLE = b"""
[sensors]
poll_interval_seconds = 5.0
devices = [
    { name = "temp-01", ingest_type = "simulator", sensor_type = "temperature", unit = "C" },
]

[cloud]
enabled = true
endpoint = "https://api.pyvorin.com/v1/ingest"
api_key = "${API_KEY}"
batch_size = 100
flush_interval_seconds = 60.0

[privacy]
enabled = true
rules = [
    { sensor_pattern = "*password*", action = "drop" },
    { sensor_pattern = "*email*", action = "hash" },
]

[logging]
level = "INFO"
format = "json"

[health]
port = 8080
enabled = true
"""


def wrong(patch: dict[str, Any], *, substituted: bool = False) -> list[str]:
    return [str(problem) for problem in problems(with_defaults(patch), substituted=substituted)]


def test_the_articles_config_is_valid_as_it_stands() -> None:
    assert problems(with_defaults(parse(ARTICLE, ConfigFormat.TOML))) == ()


def test_the_documented_defaults_stand() -> None:
    assert DEFAULTS["sensors"] == {"poll_interval_seconds": 5.0, "devices": []}
    assert (DEFAULTS["health"]["port"], DEFAULTS["cloud"]["enabled"]) == (8080, False)
    assert DEFAULTS["update"] == {"download_bytes_per_second": 0, "lock_seconds_max": 0}
    assert problems(DEFAULTS, substituted=True) == ()


def test_defaults_do_not_change_the_document() -> None:
    document: dict[str, Any] = {"sensors": {}}
    with_defaults(document)["sensors"]["devices"].append("x")
    assert document == {"sensors": {}}
    assert DEFAULTS["sensors"]["devices"] == []


@pytest.mark.parametrize(
    ("patch", "sentence"),
    [
        ({"senors": {}}, "/senors: unknown key"),
        ({"cloud": {"endpiont": ""}}, "/cloud/endpiont: unknown key"),
        ({"cloud": 5}, "/cloud: must be a table"),
    ],
)  # fmt: skip
def test_each_fault_is_named_by_its_field(patch: dict[str, Any], sentence: str) -> None:
    assert any(line.startswith(sentence) for line in wrong(patch)), wrong(patch)


def test_references_are_checked_after_substitution_only() -> None:
    patch = {"cloud": {"enabled": True, "endpoint": "${URL}"}, "logging": {"level": "${LEVEL:-INFO}"}}
    assert wrong(patch) == []
    assert len(wrong(patch, substituted=True)) == 2


INNER_KEYS = ["devices", "rules", "name", "enabled", "endpoint"]
ANY = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=4),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.sampled_from(INNER_KEYS), inner),
    max_leaves=8,
)


@given(st.dictionaries(st.sampled_from([*DEFAULTS, "x"]), ANY))
def test_any_document_is_judged_without_a_crash(document: dict[str, Any]) -> None:
    problems(with_defaults(document))
    problems(merge_patch(DEFAULTS, document))
