"""The agent as its package lays it on a device: what is locked for one and nothing else, compiled as it is there."""

from __future__ import annotations

import importlib.util
import re
import shutil
import sys
from importlib.metadata import distribution
from pathlib import Path
from types import ModuleType
from typing import Final

ROOT: Final = Path(__file__).resolve().parents[1]
LOCK: Final = ROOT / "requirements" / "device.lock"


def lay_device(home: Path) -> None:
    """An environment at `home`, from this checkout and this environment's own copies of what is locked.

    A developer's environment holds more, and a library takes what it finds: msgspec imports `typing_extensions`.
    """
    build = _build()
    site = home / build.SITE
    site.mkdir(parents=True)
    for name in re.findall(r"^([A-Za-z0-9_.-]+)==", LOCK.read_text(encoding="utf-8"), re.MULTILINE):
        _copy(name, site)
    build.lay_ours(site)
    build.compiled(site)
    python = Path(sys.executable).resolve()
    (home / "bin").mkdir()
    (home / "bin" / "python3").symlink_to(python)
    shutil.copy(build.HERE / "wrapper", home / "bin" / "pyv-edge-agent")
    text = f"home = {python.parent}\ninclude-system-site-packages = false\n"
    (home / "pyvenv.cfg").write_text(text, encoding="utf-8")


def _copy(name: str, site: Path) -> None:
    for file in distribution(name).files or ():
        if ".." not in file.parts and file.suffix != ".pyc":
            target = site / file
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(file.locate(), target)


def _build() -> ModuleType:
    """deploy/package/build.py."""
    spec = importlib.util.spec_from_file_location("build", ROOT / "deploy" / "package" / "build.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module
