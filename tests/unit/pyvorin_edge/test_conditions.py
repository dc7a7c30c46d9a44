"""What a condition asks for is known before it is asked; how it answers is told in test_expression.py."""

from __future__ import annotations

import subprocess
import sys

import pytest

from pyvorin_edge.conditions import compiled
from pyvorin_edge.expression import NODES_MAX, ExpressionError


def test_the_names_and_sensors_that_it_asks_for_are_told() -> None:
    found = compiled('value > 2 * mean and latest("door") == "open"')
    assert (found.names, found.sensors) == ({"value", "mean"}, {"door"})


def test_one_with_too_many_parts_is_refused_though_it_is_short_and_flat() -> None:
    text = "value in (" + ",".join(["-1"] * 150) + ")"
    with pytest.raises(ExpressionError, match=f"about {NODES_MAX} names"):
        compiled(text)
    assert compiled("value in (" + ",".join("1" * 100) + ")").names == {"value"}


def test_a_config_without_rules_does_not_load_it() -> None:
    program = "import sys, pyv_edge_agent.config; sys.exit('pyvorin_edge.conditions' in sys.modules)"
    assert subprocess.run([sys.executable, "-P", "-c", program], check=False, timeout=60).returncode == 0
