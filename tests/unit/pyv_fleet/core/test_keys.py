"""What a key may be made of."""

from __future__ import annotations

import msgspec
import pytest

from pyv_fleet.core.keys import KeySpec


@pytest.mark.parametrize("name", ["", " ", "a b", "-a", "a\n", "a/b", "a" * 65, "\x1b[2J"])
def test_a_name_that_could_mislead_a_reader_of_the_log_is_refused(name: str) -> None:
    with pytest.raises(msgspec.ValidationError, match="name"):
        msgspec.convert({"name": name, "scope": "read"}, KeySpec)


@pytest.mark.parametrize("body", [{"name": "a"}, {"name": "a", "scope": "all"}, {"name": "a", "scope": "read", "x": 1},
                                  {"name": "a", "scope": "read", "valid_seconds": 0}])  # fmt: skip
def test_a_key_is_never_made_by_guessing(body: dict[str, object]) -> None:
    with pytest.raises(msgspec.ValidationError):
        msgspec.convert(body, KeySpec)
