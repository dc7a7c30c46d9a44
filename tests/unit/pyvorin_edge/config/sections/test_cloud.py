"""What a config may say about the cloud: an endpoint that can be reached, and no key in clear."""

from __future__ import annotations

from typing import Any

import pytest

from pyvorin_edge.config.document import problems, with_defaults


def wrong(patch: dict[str, Any]) -> list[str]:
    return [str(problem) for problem in problems(with_defaults(patch))]


@pytest.mark.parametrize(
    ("patch", "sentence"),
    [
        ({"cloud": {"enabled": True}}, "/cloud/endpoint: must not be empty while cloud.enabled is true"),
        ({"cloud": {"enabled": True, "endpoint": "ftp://x"}}, "/cloud/endpoint: must be an http or https URL"),
        ({"cloud": {"enabled": True, "endpoint": "http://[x"}}, "/cloud/endpoint: is no URL"),
        ({"cloud": {"enabled": True, "endpoint": "http://x.io", "api_key": "k"}}, "/cloud/endpoint: must be https"),
        ({"cloud": {"enabled": True, "endpoint": "http://127.x.io", "api_key": "k"}}, "/cloud/endpoint: must be https"),
    ],
)  # fmt: skip
def test_each_fault_is_named_by_its_field(patch: dict[str, Any], sentence: str) -> None:
    assert any(line.startswith(sentence) for line in wrong(patch)), wrong(patch)


def test_plain_http_is_let_pass_on_loopback_and_without_a_key() -> None:
    assert wrong({"cloud": {"enabled": True, "endpoint": "http://127.0.0.1:9/v1", "api_key": "k"}}) == []
    assert wrong({"cloud": {"enabled": True, "endpoint": "http://gateway.lan/v1"}}) == []
