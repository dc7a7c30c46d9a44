"""Every closed set of words: as written on the wire, each with its sentence, none that breaks a topic or a label."""

from __future__ import annotations

import enum
import inspect
import re

import pytest

from pyvorin_edge import vocabulary
from pyvorin_edge.vocabulary import Phase, Word

SETS = [
    kind
    for _, kind in inspect.getmembers(vocabulary, inspect.isclass)
    if issubclass(kind, enum.Enum) and kind is not Word
]


@pytest.mark.parametrize("words", SETS, ids=lambda words: words.__name__)
def test_each_word_is_plain_and_has_a_sentence(words: type[Word]) -> None:
    assert words.__doc__
    for word in words:
        assert re.fullmatch(r"[a-z][a-z0-9_]*", word)
        assert word.sentence.strip()
        assert not word.sentence.endswith(".")


def test_a_word_is_its_text() -> None:
    assert Phase.PROVING == "proving"
    assert f"{Phase.PROVING}" == "proving"
    assert Phase("proving") is Phase.PROVING
