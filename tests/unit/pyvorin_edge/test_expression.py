"""Conditions: a small part of Python that cannot fail but by a refusal, cannot grow and cannot run long."""

from __future__ import annotations

import sys
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pyvorin_edge.expression import FUNCTIONS, NAMES, Expression, ExpressionError, NotKnownYet, Undecided


class Facts:
    """All names have the same value; only the sensor `door` is known."""

    def __init__(self, value: Any = 5.0) -> None:
        self.value = value
        self.asked = 0

    def fact(self, name: str) -> Any:
        self.asked += 1
        return self.value

    def latest(self, sensor_name: str) -> Any:
        if sensor_name != "door":
            raise NotKnownYet("never read")
        return "open"


@pytest.mark.parametrize(
    ("text", "holds"),
    [
        ("value > 4", True),
        ("4 < value <= 5 and not value == 6", True),
        ("value - mean != 0 or min > 5", False),
        ("min(value, 3) == 3 and max(1, value) == 5 and abs(-value) == 5", True),
        ("round(value / 3, 2) == 1.67 and value % 2 == 1", True),
        ('latest("door") in ("open", "ajar")', True),
        ("value not in (1, 2)", True),
        ("value in [5, 6]", True),
        ("true", True),
        ('"a" == "b"', False),
        ('value == "5"', False),
        ("-value < +value", True),
    ],
)
def test_a_condition_means_what_it_means_in_python(text: str, holds: bool) -> None:
    assert Expression(text).decide(Facts()) is holds


def test_it_says_what_it_asks_for() -> None:
    found = Expression('value > mean and latest("door") == "open"')
    assert (found.names, found.sensors) == ({"value", "mean"}, {"door"})


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("", "is empty"),
        ("value", ""),
        ("value > ", "cannot be read at character"),
        ("value + 1", "is no condition"),
        ("5", "is no condition"),
        ("valeu > 1", "unknown name at character 1; known are"),
        ("value ** 9 > 1", "a power"),
        ("value << 9 > 1", "BinOp is not allowed"),
        ("value.real > 1", "a dot is not allowed"),
        ("value[0] > 1", "an index"),
        ("open('x') > 1", "unknown function at character 1; known are abs"),
        ("().__class__ == 1", "a dot"),
        ("(lambda: 1)() > 1", "this call"),
        ("[x for x in (1, 2)] == 1", "a definition or a loop"),
        ("value is 5", "use =="),
        ("value in latest", "`in` needs a list"),
        ("latest(value) > 1", "latest needs the name of one sensor"),
        ("round(value, 99) > 1", "0 to 12 digits"),
        ("round() > 1", "needs a number"),
        ("abs(1, 2) > 1", "abs(x) is how"),
        ("min(value) > 1", "min(x, y, …) is how"),
        ("~value > 1", "~ is not allowed"),
        ("value > None", "None is not allowed"),
        ("value > 1j", "complex"),
        ("value > 1e999", "too large"),
        ("value > 1" + "0" * 400, "too large"),
        ("f'{value}' == 1", "JoinedStr is not allowed"),
        (r"value == '\n'", "a backslash"),
        ("value > 1\0", "cannot be read"),
        ("(" * 200 + "1", "cannot be read"),
        ("not " * 40 + "true", "nested more than"),
        ("value>1 or " * 60 + "true", "characters where"),
        ("+".join("1" * 240) + ">1", "too many parts"),
    ],
)
def test_what_is_no_condition_is_refused_in_a_sentence(text: str, sentence: str) -> None:
    if text == "value":  # may be true or false, so it is let pass; 5.0 is neither
        with pytest.raises(Undecided):
            Expression(text).decide(Facts())
        return
    with pytest.raises(ExpressionError) as why:
        Expression(text)
    assert sentence in str(why.value)


@pytest.mark.parametrize("text", ["1 / (value - 5) > 1", "value % 0 > 1", '"a" > 1', "value and true", "true > 0"])
def test_what_has_no_answer_is_undecided(text: str) -> None:
    with pytest.raises(Undecided):
        Expression(text).decide(Facts())


def test_numbers_do_not_grow() -> None:
    huge = "*".join(["value"] * 30)
    assert Expression(f"{huge} > 1").decide(Facts(1e300)) is True


def test_each_operand_is_asked_once_however_deep_it_is_nested() -> None:
    text = "value"
    for _ in range(20):
        text = f"(1<{text}<9) in (true,false)" if len(text) < 400 else text
    facts = Facts()
    with pytest.raises(Undecided):
        Expression(f"1 < ({text}) < 2").decide(facts)
    assert facts.asked == 1


WORDS = st.sampled_from(
    [
        *sorted(NAMES),
        *FUNCTIONS,
        "1",
        "2.5",
        "1e308",
        '"door"',
        "(",
        ")",
        ",",
        "[",
        "]",
        "+",
        "-",
        "*",
        "/",
        "%",
        "**",
        "<<",
        ">",
        "<",
        "==",
        "!=",
        "in",
        "not in",
        "and",
        "or",
        "not",
        "if",
        "else",
        "lambda",
        ":",
        ".",
        "is",
        "None",
        "true",
        "{",
        "}",
        "=",
        ":=",
        "for",
        "await",
        "yield",
        "f''",
        "~",
        "@",
        "\n",
        "#",
    ]
)
TEXTS = st.text(max_size=600) | st.lists(WORDS, max_size=120).map(" ".join)
VALUES = st.none() | st.booleans() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=5)


@given(TEXTS, VALUES)
def test_any_text_is_a_condition_or_refused_and_ends_soon(text: str, value: Any) -> None:
    steps = 0

    def count(*_: Any) -> Any:
        nonlocal steps
        steps += 1
        return count

    before = sys.gettrace()
    sys.settrace(count)
    try:
        answer = Expression(text).decide(Facts(value))
    except (ExpressionError, Undecided):
        answer = False
    finally:
        sys.settrace(before)
    assert isinstance(answer, bool)
    assert steps < 50_000  # of some hundred nodes each is visited a few times
