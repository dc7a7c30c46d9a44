"""Words of closed sets come from the vocabulary: a typo in a literal is a comparison that is silently false."""

from __future__ import annotations

import ast
import enum
import inspect

from house.source import Module, bullets, modules
from pyv_fleet.core import words
from pyvorin_edge import vocabulary

HOMES = ("pyvorin_edge/vocabulary.py", "pyv_fleet/core/words.py", "pyv_fleet/core/alert_words.py")
#: Attributes, names and keys that hold a word, and the words it may be.
HOLDERS: dict[str, set[str]] = {
    "phase": {*vocabulary.Phase},
    "waiting_for": {*vocabulary.WaitingFor},
    "outcome": {*vocabulary.Outcome, *vocabulary.ResponseOutcome},
    "standing": {*vocabulary.Standing},
    "connectivity": {*vocabulary.Connectivity},
    "status": {*vocabulary.HealthStatus},
    "refusal": {*vocabulary.Refusal},
    "verdict": {*words.Verdict},
    "state": {
        *words.RolloutState,
        *words.WaveState,
        *words.AlertState,
        *words.GroupState,
        *words.HoldState,
        *vocabulary.PresenceState,
    },
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
            known = {word for side in sides for word in HOLDERS.get(_held(side), set())}
            if known & {text for side in sides for text in _literals(side)}:
                found.append((node.lineno, ast.unparse(node)))
    return found


def _held(node: ast.expr) -> str:
    """The name under which a compared value is held: `x.phase`, `phase`, `x["phase"]`, `x.get("phase")`."""
    match node:
        case ast.Attribute(attr=name) | ast.Name(id=name):
            return name
        case ast.Subscript(slice=ast.Constant(value=str(key))):
            return key
        case ast.Call(func=ast.Attribute(attr="get"), args=[ast.Constant(value=str(key)), *_]):
            return key
    return ""


def _literals(node: ast.expr) -> set[str]:
    match node:
        case ast.Constant(value=str(text)):
            return {text}
        case ast.Tuple(elts=elements) | ast.List(elts=elements) | ast.Set(elts=elements):
            return {text for one in elements for text in _literals(one)}
    return set()
