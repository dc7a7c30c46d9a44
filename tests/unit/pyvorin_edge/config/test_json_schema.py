"""The exported JSON Schema says the same as the checks that the agent runs, as far as JSON Schema can say it."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from pyvorin_edge.config.document import SCHEMA, json_schema, with_defaults
from pyvorin_edge.config.shapes import Flag, FreeTable, ListOf, Number, Shape, Table, Text

TYPES = {"boolean": bool, "number": int | float, "integer": int, "string": str, "array": list, "object": dict}
OTHER = st.sampled_from(
    [None, True, -1, 0, 1.5, 10**12, "", " ", "x", "${", "${A}", "$${", "y" * 5000, [], ["x"], {}, {"a": 1}]
)


def accepts(schema: Mapping[str, Any], value: Any) -> bool:
    """JSON Schema's own rules, of the words that ours uses; a word that is not known here is a KeyError."""
    return all(_obeyed(word, said, schema, value) for word, said in schema.items())


def _obeyed(word: str, said: Any, schema: Mapping[str, Any], value: Any) -> bool:
    number = isinstance(value, int | float) and not isinstance(value, bool)
    text, items, table = isinstance(value, str), isinstance(value, list), isinstance(value, dict)
    rules = {
        "$schema": lambda: True, "title": lambda: True, "description": lambda: True, "default": lambda: True,
        "then": lambda: True, "else": lambda: True,
        "type": lambda: isinstance(value, TYPES[said]) and (said == "boolean" or not isinstance(value, bool)),
        "enum": lambda: any(value == one and type(value) is type(one) for one in said),
        "pattern": lambda: not text or re.search(said, value) is not None,
        "maxLength": lambda: not text or len(value) <= said,
        "minimum": lambda: not number or value >= said,
        "maximum": lambda: not number or value <= said,
        "exclusiveMinimum": lambda: not number or value > said,
        "maxItems": lambda: not items or len(value) <= said,
        "items": lambda: not items or all(accepts(said, one) for one in value),
        "required": lambda: not table or all(key in value for key in said),
        "properties": lambda: not table or all(accepts(said[key], one) for key, one in value.items() if key in said),
        "additionalProperties": lambda: not table or all(key in schema["properties"] for key in value),
        "if": lambda: accepts(schema["then" if accepts(said, value) else "else"], value),
    }  # fmt: skip
    return rules[word]()


def fitting(shape: Shape) -> st.SearchStrategy[Any]:
    """Values of the shape, most of them right."""
    match shape:
        case Flag():
            return st.booleans()
        case Number():
            least = max(shape.least, shape.above, -1e6)
            most = min(shape.most, 1e9)
            if shape.whole:
                return st.integers(math.ceil(least), int(most))
            return st.floats(least, most).filter(lambda number: number != int(number)) | st.just(shape.above)
        case Text():
            return st.sampled_from([*shape.words, "x", "", "${A}", "${A}${", "$${", "x" * shape.longest])
        case ListOf():
            return st.lists(nearly(shape.item), max_size=3)
        case Table():
            return st.fixed_dictionaries({}, optional={key: nearly(inner) for key, inner in shape.keys.items()})
        case FreeTable():
            return st.dictionaries(st.text(max_size=3), st.integers())
    return OTHER


def nearly(shape: Shape) -> st.SearchStrategy[Any]:
    return st.one_of(*[fitting(shape)] * 9, OTHER)


@settings(max_examples=300)
@given(nearly(SCHEMA), st.sampled_from(["", "", "", "unknown"]))
def test_a_document_is_valid_by_the_schema_if_and_only_if_the_tables_find_nothing(document: Any, more: str) -> None:
    if not isinstance(document, dict):
        return
    document = {**document, **({more: 1} if more else {})}
    found = [
        problem
        for problem in SCHEMA.problems(with_defaults(document), "", False)
        if not problem.message.startswith("the same ")  # unique by a key: JSON Schema has no word for it
    ]
    assert accepts(json_schema(), document) == (not found), found


def test_every_default_is_accepted_by_its_own_schema() -> None:
    assert accepts(json_schema(), {})
    assert accepts(json_schema(), with_defaults({}))


def test_what_the_schema_says_of_a_key_is_what_the_reference_says() -> None:
    port = json_schema()["properties"]["health"]["properties"]["port"]
    assert (port["type"], port["minimum"], port["maximum"], port["default"]) == ("integer", 1, 65535, 8080)
    assert port["description"]
