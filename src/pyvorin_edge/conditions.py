"""From a condition's text to closures: what `Expression` does when it is made. Loaded only where there are rules.

The syntax tree's own types are enough: the module `ast` around them is 0.3 MiB that a device would keep.
"""

from __future__ import annotations

import _ast as ast
import math
import operator
from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final, NamedTuple

from pyvorin_edge.expression import (
    DEPTH_MAX,
    FUNCTIONS,
    LETTERS_MAX,
    NAMES,
    NODES_MAX,
    Closure,
    ExpressionError,
    Facts,
    Undecided,
)

_CONSTANTS: Final = {"true": True, "false": False, "True": True, "False": False}
_ARITHMETIC: Final[Mapping[type[ast.operator], Callable[[float, float], float]]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
    ast.Mod: operator.mod,
}
_ORDER: Final[Mapping[type[ast.cmpop], Callable[[Any, Any], bool]]] = {
    ast.Lt: operator.lt,
    ast.LtE: operator.le,
    ast.Gt: operator.gt,
    ast.GtE: operator.ge,
}


class Compiled(NamedTuple):
    """A condition that can be asked."""

    run: Closure
    names: frozenset[str]
    sensors: frozenset[str]


def compiled(text: str) -> Compiled:
    """ExpressionError says what is wrong."""
    compiler = _Compiler()
    run = compiler.condition(_tree(text))
    return Compiled(run, frozenset(compiler.names), frozenset(compiler.sensors))


def _tree(text: str) -> ast.expr:
    if len(text) > LETTERS_MAX:
        raise ExpressionError(f"{len(text)} characters where a condition may have {LETTERS_MAX}")
    if not text.strip():
        raise ExpressionError("is empty: write a condition such as value > 30")
    if "\\" in text:
        raise ExpressionError("a backslash has no meaning in a condition")
    try:
        parsed = compile(text.strip(), "<condition>", "eval", ast.PyCF_ONLY_AST, dont_inherit=True)
    except SyntaxError as why:
        raise ExpressionError(f"cannot be read at character {why.offset or 1}: {why.msg}") from None
    except (ValueError, MemoryError, RecursionError):
        raise ExpressionError("cannot be read: odd characters, or nested too deep") from None
    assert isinstance(parsed, ast.Expression)  # as mode "eval" makes
    tree = parsed.body
    if sum(1 for _ in _parts(tree)) > 3 * NODES_MAX:  # contexts and operators are nodes too
        raise ExpressionError(f"has too many parts: about {NODES_MAX} names, numbers and operators may be in it")
    return tree


def _parts(tree: ast.AST) -> Iterator[ast.AST]:
    """Every node, the tree first."""
    left = [tree]
    while left:
        node = left.pop()
        yield node
        for name in node._fields:
            value = getattr(node, name, None)
            left += [one for one in (value if isinstance(value, list) else [value]) if isinstance(one, ast.AST)]


class _Compiler:
    """From a syntax tree to closures; collects what they ask for."""

    def __init__(self) -> None:
        self.names: set[str] = set()
        self.sensors: set[str] = set()

    def condition(self, tree: ast.expr) -> Closure:
        if isinstance(tree, ast.BinOp | ast.Tuple | ast.List) or (
            isinstance(tree, ast.Constant) and not isinstance(tree.value, bool)
        ):
            raise ExpressionError("is no condition: compare it with something, as in value > 30")
        return self._closure(tree, 0)

    def _closure(self, node: ast.expr, depth: int) -> Closure:
        if depth > DEPTH_MAX:
            raise ExpressionError(f"is nested more than {DEPTH_MAX} deep")
        match node:
            case ast.Constant(value=constant):
                return _constant(constant)
            case ast.Name():
                return self._name(node)
            case ast.UnaryOp(op=op, operand=operand):
                return _unary(op, self._closure(operand, depth + 1))
            case ast.BinOp(left=left, op=op, right=right) if type(op) in _ARITHMETIC:
                return _binary(_ARITHMETIC[type(op)], self._closure(left, depth + 1), self._closure(right, depth + 1))
            case ast.BoolOp(op=op, values=values):
                return _boolean(isinstance(op, ast.And), [self._closure(one, depth + 1) for one in values])
            case ast.Compare():
                return self._compare(node, depth)
            case ast.Call(func=ast.Name() as function, args=args, keywords=[]):
                return self._call(function, args, depth)
        raise ExpressionError(f"{_shown(node)} is not allowed in a condition")

    def _name(self, node: ast.Name) -> Closure:
        name = node.id
        if name in _CONSTANTS:
            return _constant(_CONSTANTS[name])
        if name not in NAMES:
            raise ExpressionError(f"unknown name at {_place(node)}; known are {', '.join(sorted(NAMES))}")
        self.names.add(name)
        return lambda facts: facts.fact(name)

    def _compare(self, node: ast.Compare, depth: int) -> Closure:
        left = self._closure(node.left, depth + 1)
        links = [self._link(op, right, depth) for op, right in zip(node.ops, node.comparators, strict=True)]

        def compared(facts: Facts) -> bool:
            # each operand once, also the middle of a < b < c: else nesting would double the work at every level
            one = left(facts)
            for holds, right in links:
                other = right(facts)
                if not holds(one, other):
                    return False
                one = other
            return True

        return compared

    def _link(self, op: ast.cmpop, right: ast.expr, depth: int) -> tuple[Callable[[Any, Any], bool], Closure]:
        if not isinstance(op, ast.In | ast.NotIn):
            return _comparison(op), self._closure(right, depth + 1)
        if not isinstance(right, ast.Tuple | ast.List) or not right.elts:
            raise ExpressionError('`in` needs a list, as in value in ("open", "ajar")')
        items = [self._closure(one, depth + 1) for one in right.elts]
        wanted = isinstance(op, ast.In)
        return (
            lambda one, others: any(_equal(one, other) for other in others) is wanted,
            lambda facts: [item(facts) for item in items],
        )

    def _call(self, function: ast.Name, args: list[ast.expr], depth: int) -> Closure:
        name = function.id
        if name == "latest":
            return self._latest(args)
        if name == "round":
            return self._round(args, depth)
        if name not in FUNCTIONS:
            raise ExpressionError(f"unknown function at {_place(function)}; known are {', '.join(sorted(FUNCTIONS))}")
        wanted = 1 if name == "abs" else 2
        if len(args) < wanted or (name == "abs" and len(args) > 1):
            raise ExpressionError(f"{FUNCTIONS[name].partition(':')[0]} is how {name} is written")
        parts = [self._closure(one, depth + 1) for one in args]
        if name == "abs":
            return lambda facts: abs(_number(parts[0](facts)))
        choose = min if name == "min" else max
        return lambda facts: choose(_number(part(facts)) for part in parts)

    def _latest(self, args: list[ast.expr]) -> Closure:
        match args:
            case [ast.Constant(value=str(sensor))] if sensor:
                self.sensors.add(sensor)
                return lambda facts: _plain(facts.latest(sensor))
        raise ExpressionError('latest needs the name of one sensor in quotes, as in latest("door")')

    def _round(self, args: list[ast.expr], depth: int) -> Closure:
        digits = 0
        match args[1:]:
            case []:
                pass
            case [ast.Constant(value=int(digits))] if 0 <= digits <= 12:
                pass
            case _:
                raise ExpressionError("round(x) or round(x, digits) with 0 to 12 digits is how round is written")
        if not args:
            raise ExpressionError("round needs a number")
        inner = self._closure(args[0], depth + 1)
        return lambda facts: round(_number(inner(facts)), digits)


def _place(node: ast.expr) -> str:
    """Where it stands. What stands there is not said: it may have come through a reference, from a secret."""
    return f"character {node.col_offset + 1}"


def _constant(value: Any) -> Closure:
    if isinstance(value, int | float) and not isinstance(value, bool):
        try:
            value = float(value)
        except OverflowError:
            value = math.inf
        if not math.isfinite(value):
            raise ExpressionError("a number in it is too large")
    elif not isinstance(value, str | bool):
        raise ExpressionError(f"{_literal(value)} is not allowed in a condition")
    return lambda facts: value


def _unary(op: ast.unaryop, inner: Closure) -> Closure:
    match op:
        case ast.Not():
            return lambda facts: not _truth(inner(facts))
        case ast.USub():
            return lambda facts: -_number(inner(facts))
        case ast.UAdd():
            return lambda facts: _number(inner(facts))
    raise ExpressionError("~ is not allowed in a condition")


def _binary(calculate: Callable[[float, float], float], left: Closure, right: Closure) -> Closure:
    return lambda facts: calculate(_number(left(facts)), _number(right(facts)))


def _boolean(every: bool, parts: list[Closure]) -> Closure:
    judge = all if every else any
    return lambda facts: judge(_truth(part(facts)) for part in parts)


def _comparison(op: ast.cmpop) -> Callable[[Any, Any], bool]:
    if isinstance(op, ast.Eq):
        return _equal
    if isinstance(op, ast.NotEq):
        return lambda one, other: not _equal(one, other)
    order = _ORDER.get(type(op))
    if order is None:
        raise ExpressionError("`is` is not allowed in a condition: use ==")
    return lambda one, other: order(_number(one), _number(other))


def _equal(left: Any, right: Any) -> bool:
    return bool(_plain(left) == _plain(right))


def _plain(value: Any) -> Any:
    """A value as it is compared: numbers as floats."""
    return _number(value) if isinstance(value, int | float) and not isinstance(value, bool) else value


def _number(value: Any) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise Undecided("text, true, false or nothing stands where a number is needed")
    return float(value)


def _truth(value: Any) -> bool:
    if not isinstance(value, bool):
        raise Undecided("and, or and not need conditions on both sides")
    return value


def _shown(node: ast.expr) -> str:
    match node:
        case ast.Attribute():
            return "a dot"
        case ast.Subscript():
            return "an index […]"
        case ast.Call():
            return "this call"
        case ast.BinOp(op=ast.Pow()):
            return "a power **"
        case ast.Lambda() | ast.NamedExpr() | ast.ListComp() | ast.GeneratorExp() | ast.SetComp() | ast.DictComp():
            return "a definition or a loop"
    return f"{type(node).__name__}"


def _literal(value: Any) -> str:
    return "None" if value is None else f"a value of type {type(value).__name__}"
