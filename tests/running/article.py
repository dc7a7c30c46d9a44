"""The article's own code, as printed in "Fleet Management at Scale", run as a client.

Each snippet stands unchanged in tests/system/article/*.txt; only what the issue allows is altered when it is run: host
names, absolute paths, and the imports that the article leaves out.
"""

from __future__ import annotations

import types
from collections.abc import Mapping
from pathlib import Path
from typing import Any

SNIPPETS = Path(__file__).resolve().parents[1] / "system" / "article"


def text(name: str, places: Mapping[str, str] | None = None) -> str:
    """A snippet with its host names and absolute paths put right; each must really stand in it."""
    found = (SNIPPETS / f"{name}.txt").read_text(encoding="utf-8")
    for old, new in (places or {}).items():
        assert old in found, f"{name} does not mention {old!r}"
        found = found.replace(old, new)
    return found


def load(name: str, *, places: Mapping[str, str] | None = None, given: Mapping[str, Any] | None = None) -> Any:
    """Run a Python snippet as a module; `given` are the names that it uses without importing them."""
    module = types.ModuleType(f"article_{name.removesuffix('.py')}")
    module.__dict__.update(given or {})
    # A dataclass looks its module up while it is being made.
    import sys

    sys.modules[module.__name__] = module
    exec(compile(text(name, places), name, "exec"), module.__dict__)
    return module
