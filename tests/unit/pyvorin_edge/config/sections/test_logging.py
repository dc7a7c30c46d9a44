"""What a config may say about logging."""

from __future__ import annotations

from typing import Any

import pytest

from pyvorin_edge.config.document import problems, with_defaults


def wrong(patch: dict[str, Any]) -> list[str]:
    return [str(problem) for problem in problems(with_defaults(patch))]


@pytest.mark.parametrize(
    ("patch", "sentence"),
    [
        ({"logging": {"level": "LOUD"}}, "/logging/level: must be DEBUG"),
    ],
)  # fmt: skip
def test_each_fault_is_named_by_its_field(patch: dict[str, Any], sentence: str) -> None:
    assert any(line.startswith(sentence) for line in wrong(patch)), wrong(patch)
