"""Words of closed sets come from the vocabulary: a typo in a literal is a comparison that is silently false."""

from __future__ import annotations

import ast
import enum
import inspect

from house.source import Module, bullets, modules
from pyv_fleet.core import words
from pyvorin_edge import vocabulary

HOMES = ("pyvorin_edge/vocabulary.py", "pyv_fleet/core/words.py")
#: Attributes and names that hold a word, and the set it is of.
HOLDERS = {
    "phase": vocabulary.Phase,
    "waiting_for": vocabulary.WaitingFor,
    "outcome": vocabulary.Outcome,
    "standing": vocabulary.Standing,
    "connectivity": vocabulary.Connectivity,
    "verdict": words.Verdict,
    "refusal": vocabulary.Refusal,
}


def test_no_literal_of_the_vocabulary_is_compared() -> None:
    found = [f"src/{module.name}:{line} {text}" for module in modules() for line, text in _compared(module)]
    assert not found, bullets(
        found, "compare with the member of the vocabulary instead (Phase.PROVING, not 'proving'):"
    )


def test_no_word_of_the_vocabulary_means_two_things_in_one_set() -> None:
    for home in (vocabulary, words):
        for _, kind in inspect.getmembers(home, inspect.isclass):
            if issubclass(kind, enum.Enum):
                sentences = [word.sentence for word in kind]  # type: ignore[attr-defined]
                assert len(set(sentences)) == len(sentences), f"{kind.__name__}: two words with one sentence"


def test_patterns_do_not_let_a_line_feed_pass_at_the_end() -> None:
    loose = [
        f"src/{module.name}:{keyword.value.lineno} {keyword.value.value}"
        for module in modules()
        for node in ast.walk(module.tree)
        if isinstance(node, ast.Call)
        for keyword in node.keywords
        if keyword.arg == "pattern"
        and isinstance(keyword.value, ast.Constant)
        and str(keyword.value.value).endswith("$")
    ]
    assert not loose, bullets(loose, r"`$` also matches before a last line feed: end these patterns with `$(?!\n)`:")


def _compared(module: Module) -> list[tuple[int, str]]:
    if module.name in HOMES:
        return []
    found = []
    for node in ast.walk(module.tree):
        if isinstance(node, ast.Compare):
            sides = [node.left, *node.comparators]
            held = {_held(side) for side in sides} - {None}
            for literal in (side for one in sides for side in _literals(one)):
                if any(literal.value in list(HOLDERS[name]) for name in held if name):
                    found.append((node.lineno, ast.unparse(node)))
    return found


def _held(node: ast.expr) -> str | None:
    name = node.attr if isinstance(node, ast.Attribute) else node.id if isinstance(node, ast.Name) else None
    return name if name in HOLDERS else None


def _literals(node: ast.expr) -> list[ast.Constant]:
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        return [node]
    if isinstance(node, ast.Tuple | ast.List | ast.Set):
        return [one for one in node.elts if isinstance(one, ast.Constant) and isinstance(one.value, str)]
    return []
