"""What the house's rules are asked of: our files and their syntax trees, read once."""

from __future__ import annotations

import ast
import subprocess
from dataclasses import dataclass
from functools import cache
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
SRC = ROOT / "src"
UNIT = ROOT / "tests" / "unit"
FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef)


@dataclass(frozen=True)
class Module:
    """One source file."""

    path: Path
    text: str
    tree: ast.Module

    @property
    def name(self) -> str:
        """Its path below src, as in `pyv_fleet/core/waves.py`."""
        return self.path.relative_to(SRC).as_posix()

    @property
    def lines(self) -> int:
        return self.text.count("\n")


@cache
def modules() -> tuple[Module, ...]:
    """Every Python file in src."""
    found = []
    for path in sorted(SRC.rglob("*.py")):
        text = path.read_text(encoding="utf-8")
        found.append(Module(path, text, ast.parse(text, str(path))))
    return tuple(found)


def functions(tree: ast.AST) -> list[ast.FunctionDef | ast.AsyncFunctionDef]:
    """Every function and method in a tree, nested ones too."""
    return [node for node in ast.walk(tree) if isinstance(node, FUNCTIONS)]


def length(function: ast.FunctionDef | ast.AsyncFunctionDef) -> int:
    """Lines from `def` to the end, the docstring not counted: saying what a function does must not cost."""
    first = function.body[0]
    docstring = 0
    if isinstance(first, ast.Expr) and isinstance(first.value, ast.Constant) and isinstance(first.value.value, str):
        docstring = (first.end_lineno or first.lineno) - first.lineno + 1
    return (function.end_lineno or function.lineno) - function.lineno + 1 - docstring


@cache
def tracked() -> tuple[Path, ...]:
    """The files that git knows; all of ours where there is no git (an unpacked archive)."""
    listed = subprocess.run(
        ["git", "-C", str(ROOT), "ls-files", "-z"], capture_output=True, text=True, check=False, timeout=30
    )
    if listed.returncode == 0:
        return tuple(path for name in listed.stdout.split("\0") if name and (path := ROOT / name).is_file())
    rooms = ("src", "tests", "docs", "requirements", ".ci")
    return tuple(path for room in rooms for path in (ROOT / room).rglob("*") if path.is_file())


def bullets(lines: list[str], advice: str) -> str:
    """A failing message: what to do, then each place."""
    return "\n".join([advice, *(f"  - {line}" for line in lines)])
