"""Conditions of rules: a small part of Python's expressions, compiled once into closures (ADR 0012).

Nothing is ever handed to `eval`: what is not listed here is refused when the config is checked. Numbers are floats, so
that nothing can grow; text is only compared; there is no power, no attribute, no index and no call but the listed ones.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final, Protocol

from pyvorin_edge.errors import PyvorinError
from pyvorin_edge.vocabulary import Aggregate

LETTERS_MAX: Final = 500
NODES_MAX: Final = 100
DEPTH_MAX: Final = 32
#: What a condition may name beside the aggregates of its window.
OWN_NAMES: Final = {
    "value": "this reading's value",
    "previous": "the value of the sensor's reading before",
    "elapsed": "seconds since that reading",
}
NAMES: Final = frozenset([*OWN_NAMES, *Aggregate])
FUNCTIONS: Final = {
    "abs": "abs(x): without its sign",
    "min": "min(x, y, …): the least",
    "max": "max(x, y, …): the greatest",
    "round": "round(x) or round(x, digits)",
    "latest": 'latest("sensor"): the last value of another sensor',
}


class ExpressionError(PyvorinError):
    """Text that is no condition; the message says in a sentence what is not allowed or not understood."""


class Undecided(Exception):
    """A condition that has no answer for these facts: a division by zero, text where a number is needed, too early."""


class NotKnownYet(Undecided):
    """It has no answer because something it asks for has not been read yet: that is no fault of the rule."""


class Facts(Protocol):
    """What a condition is asked about. Either raises Undecided for what is not known."""

    def fact(self, name: str) -> Any:
        """The value of one of NAMES."""

    def latest(self, sensor_name: str) -> Any:
        """The last value of that sensor."""


Closure = Callable[[Facts], Any]


class Expression:
    """A compiled condition: decided any number of times, always in time bounded by its size."""

    def __init__(self, text: str) -> None:
        """ExpressionError says what is wrong."""
        self.text = text
        from pyvorin_edge.conditions import compiled  # a device without rules does not pay for it

        found = compiled(text)
        self._run = found.run
        #: of NAMES, those that it asks for
        self.names = found.names
        #: the sensors named in latest(…)
        self.sensors = found.sensors

    def decide(self, facts: Facts) -> bool:
        """Whether it holds; Undecided if that cannot be said."""
        try:
            answer = self._run(facts)
        except (ArithmeticError, ValueError) as why:
            raise Undecided(f"arithmetic: {type(why).__name__}") from None
        if not isinstance(answer, bool):
            raise Undecided("the condition is neither true nor false")
        return answer
