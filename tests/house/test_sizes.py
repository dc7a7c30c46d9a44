"""Small files, small functions, names from the field."""

from __future__ import annotations

import statistics

from house.source import bullets, functions, length, modules

FILE_MAX = 400
FILE_MEDIAN = 150
FUNCTION_MAX = 70
FUNCTION_95TH = 40
BANNED = {"utils", "util", "helpers", "helper", "common", "misc", "shared", "manager", "base", "tools"}
#: Migrations are history: written once, then never touched, so their length teaches nothing.
HISTORY = "pyv_fleet/store/migrations/versions/"


def test_no_file_is_longer_than_400_lines() -> None:
    long = [f"{module.name}: {module.lines} lines" for module in modules() if module.lines > FILE_MAX]
    assert not long, bullets(long, f"split by reason to exist until no file is over {FILE_MAX} lines:")


def test_the_median_file_is_short() -> None:
    median = statistics.median(module.lines for module in modules() if module.lines > 1)
    assert median < FILE_MEDIAN, f"the median file has {median} lines; below {FILE_MEDIAN} is our measure: split some"


def test_no_function_is_longer_than_70_lines() -> None:
    long = [
        f"{module.name}:{function.lineno} {function.name}: {length(function)} lines"
        for module in modules()
        if not module.name.startswith(HISTORY)
        for function in functions(module.tree)
        if length(function) > FUNCTION_MAX
    ]
    assert not long, bullets(long, f"name the steps of these as functions of their own (at most {FUNCTION_MAX} lines):")


def test_nineteen_functions_of_twenty_are_below_40_lines() -> None:
    lengths = sorted(length(function) for module in modules() for function in functions(module.tree))
    over = sum(one >= FUNCTION_95TH for one in lengths)
    assert over <= len(lengths) * 0.05, (
        f"{over} of {len(lengths)} functions have {FUNCTION_95TH} lines or more (5 % may)"
    )


def test_no_module_is_named_for_nothing() -> None:
    vague = [
        module.name
        for module in modules()
        if BANNED & {part.removesuffix(".py") for part in module.path.parts[len(module.path.parts) - 4 :]}
    ]
    assert not vague, bullets(vague, "give these a name from the field, for their one reason to exist:")
