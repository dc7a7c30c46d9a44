"""Each module with behaviour has its unit tests where one looks for them; each public name says what it means."""

from __future__ import annotations

import ast
import re

from house.source import FUNCTIONS, ROOT, SRC, UNIT, Module, bullets, functions, modules

#: Migrations are history: written once, then never touched.
HISTORY = "pyv_fleet/store/migrations/"
#: Shells that only wire parts or hold a socket: no decision of their own. Each is run for real by the suite named.
SHELLS = {
    "pyv_edge_agent/__main__.py": "three lines; tests/house runs the command",
    "pyv_edge_agent/main.py": "tests/system, tests/conformance: EdgeAgent as a process",
    "pyv_edge_agent/running.py": "tests/system/test_agent.py, test_supervision.py: signals, reload, exit codes",
    "pyv_edge_agent/link/mqtt.py": "tests/conformance against a real broker",
    "pyv_edge_agent/link/visit.py": "tests/unit/pyv_edge_agent/link/test_polling.py, against real HTTPS",
    "pyv_edge_agent/link/errands.py": "tests/unit/pyv_edge_agent/link/test_polling.py, against real HTTPS",
    "pyv_fleet/__main__.py": "three lines; tests/house runs the command",
    "pyv_fleet/main.py": "tests/house: every command's --help",
    "pyv_fleet/link/retained.py": "tests/system/test_catching_up.py, test_recover.py: against a real broker",
    "pyv_fleet/link/ssh.py": "tests/system/test_push_ssh.py, against real sshd",
    "pyv_fleet/pushing.py": "tests/system/test_push_ssh.py, against real sshd",
    "pyv_fleet/demo/command.py": "tests/system/test_demo.py: signals, exit codes, folders",
    "pyv_fleet/demo/play.py": "tests/system/test_demo.py, test_tour.py: the demo itself",
    "pyv_fleet/simulate/command.py": "tests/system/test_tour.py: 100 simulated devices",
    "pyv_fleet/simulate/fleet.py": "tests/system/test_tour.py: they enrol, run and come back",
    "pyv_fleet/store/migrations/env.py": "alembic's own entry; run by every store test",
}
#: Rooms of thin nouns (a table, a route, a command each), tested room by room: where, one of which must have tests.
ROOMS = {
    "pyv_fleet/store/": ("tests/unit/pyv_fleet/store",),
    "pyv_fleet/client/": ("tests/unit/pyv_fleet/client",),
    "pyv_fleet/api/": ("tests/unit/pyv_fleet/api",),
    "pyv_fleet/web/": ("tests/unit/pyv_fleet/web", "tests/system"),
    "pyv_fleet/cli/": ("tests/unit/pyv_fleet/cli", "tests/system"),
    "pyv_fleet/engine/": ("tests/unit/pyv_fleet/engine", "tests/system"),
    "pyv_edge_agent/cli/": ("tests/unit/pyv_edge_agent/cli", "tests/system"),
}


def test_each_module_with_behaviour_has_a_unit_test_file() -> None:
    missing = [
        f"src/{module.name} → tests/unit/{_mirror(module)}"
        for module in modules()
        if _behaves(module) and not _is_excused(module) and not _has_tests(module)
    ]
    assert not missing, bullets(missing, "write these test files (or add the shell, with its reason, to SHELLS here):")


def test_each_room_of_thin_nouns_has_a_suite() -> None:
    bare = [
        f"{room}: no test_*.py in {' nor '.join(places)}"
        for room, places in ROOMS.items()
        if any(module.name.startswith(room) for module in modules())
        and not any(any((ROOT / place).rglob("test_*.py")) for place in places)
    ]
    assert not bare, bullets(bare, "write the room's tests:")


def test_each_excuse_is_still_needed() -> None:
    gone = [name for name in SHELLS if (SRC / name).exists() and (UNIT / _mirror_name(name)).exists()]
    assert not gone, bullets(gone, "these have unit tests now: take them out of SHELLS")


def test_each_public_name_has_a_docstring() -> None:
    silent = [f"src/{module.name}:{line} {name}" for module in modules() for line, name in _undocumented(module)]
    assert not silent, bullets(silent, "say in a docstring what these mean (units, errors, source of the rule):")


def _behaves(module: Module) -> bool:
    """Whether a function in it does anything: an interface says only what others do."""
    return module.path.name != "__init__.py" and any(not _is_stub(one) for one in functions(module.tree))


def _is_stub(function: ast.FunctionDef | ast.AsyncFunctionDef) -> bool:
    return all(
        isinstance(one, ast.Pass) or (isinstance(one, ast.Expr) and isinstance(one.value, ast.Constant))
        for one in function.body
    )


def _is_excused(module: Module) -> bool:
    return module.name in SHELLS or any(module.name.startswith(room) for room in ROOMS)


def _has_tests(module: Module) -> bool:
    """Its own file, one that begins with its name, or one beside it that imports the module by name."""
    mirror = UNIT / _mirror(module)
    if mirror.exists() or any(mirror.parent.glob(f"{mirror.stem}_*.py")):
        return True
    package, _, name = module.name.removesuffix(".py").replace("/", ".").rpartition(".")
    imported = re.compile(
        rf"^\s*(?:from {re.escape(package)}\.{name} import|import {re.escape(package)}\.{name}\b"
        rf"|from {re.escape(package)} import (?:[\w, ]*\b|\([^)]*\b){name}\b)",
        re.MULTILINE,
    )
    return any(imported.search(beside.read_text(encoding="utf-8")) for beside in mirror.parent.glob("test_*.py"))


def _mirror(module: Module) -> str:
    return _mirror_name(module.name)


def _mirror_name(name: str) -> str:
    folder, _, file = name.rpartition("/")
    return f"{folder}/test_{file.lstrip('_')}"


def _undocumented(module: Module) -> list[tuple[int, str]]:
    if module.name.startswith(HISTORY):
        return []
    found = [] if ast.get_docstring(module.tree) or not module.tree.body else [(1, "the module")]
    for node in module.tree.body:
        found.extend(_silent(node, ""))
    return found


def _silent(node: ast.stmt, within: str) -> list[tuple[int, str]]:
    if not isinstance(node, (*FUNCTIONS, ast.ClassDef)) or node.name.startswith("_"):
        return []
    found = [] if ast.get_docstring(node) or _is_overload(node) else [(node.lineno, f"{within}{node.name}")]
    if isinstance(node, ast.ClassDef):
        for inner in node.body:
            found.extend(_silent(inner, f"{node.name}."))
    return found


def _is_overload(node: ast.stmt) -> bool:
    marks = getattr(node, "decorator_list", [])
    return any(isinstance(mark, ast.Name) and mark.id in ("overload", "override") for mark in marks)
