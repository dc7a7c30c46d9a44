"""Builds what goes onto a device: `build.py package --arch arm64` (a .deb and a .tar.gz), `build.py bundle DIR`.

The same commit and locks give the same bytes: times are SOURCE_DATE_EPOCH's, else the last commit's.
"""

from __future__ import annotations

import argparse
import ast
import importlib.util
import marshal
import os
import shutil
import subprocess
import sys
import tempfile
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Final

HERE: Final = Path(__file__).resolve().parent
ROOT: Final = HERE.parents[1]
OURS: Final = ("pyvorin_edge", "pyv_edge_agent")
#: Debian 12, and Raspberry Pi OS of the same name: glibc 2.36, Python 3.11.
PYTHON: Final = "3.11"
PLATFORMS: Final = {"amd64": "x86_64-manylinux_2_36", "arm64": "aarch64-manylinux_2_36"}
HOME: Final = Path("opt/pyvorin-edge")
STATE: Final = "/var/lib/pyvorin-edge"
SITE: Final = Path("lib", f"python{PYTHON}", "site-packages")
COMMANDS: Final = ("pyv-edge-agent", "pyv-edge-launch")
#: What an installer notes of the machine that installed, and what nobody runs here.
NOTES: Final = ("INSTALLER", "REQUESTED", "RECORD", "direct_url.json", "uv_cache.json")

#: Whose docstrings a program reads: click shows those of commands as their help.
HELPING: Final = ("pyv_edge_agent/cli", "pyvorin_edge/packaging")
#: PEP 552: by a hash, and not checked against the source at each start.
PYC_HEAD: Final = importlib.util.MAGIC_NUMBER + (1).to_bytes(4, "little")


class BuildError(Exception):
    """What is missing on this machine, and what to do."""


def package(arch: str, out: Path) -> tuple[Path, Path]:
    """Build the .deb and the .tar.gz of the agent for `arch` (amd64, arm64) into `out`."""
    out.mkdir(parents=True, exist_ok=True)
    name = f"pyvorin-edge_{version()}_{arch}"
    with tempfile.TemporaryDirectory() as scratch:
        root = Path(scratch, "root")
        lay_home(root / HOME, arch)
        archive = pack(root / HOME, "pyvorin-edge", out / f"{name}.tar.gz")
        lay_system(root)
        deb = seal(root, arch, out / f"{name}.deb")
    return deb, archive


def bundle(out: Path) -> Path:
    """Lay out a bundle directory whose `site/` holds the agent: to be signed, packed and released like any other."""
    if out.exists() and any(out.iterdir()):
        raise BuildError(f"{out} is not empty: name a directory that is, or is not there")
    lay_ours(out / "site")
    compiled(out / "site")
    settle(out)
    return out


def lay_home(home: Path, arch: str) -> None:
    """The tree that runs wherever it lies: an environment of its own with all that is locked for a device."""
    site = home / SITE
    site.mkdir(parents=True)
    lay_locked(site, arch)
    lay_ours(site)
    (home / "bin").mkdir()
    (home / "bin" / "python3").symlink_to(f"/usr/bin/python{PYTHON}")
    for command in COMMANDS:
        shutil.copy(HERE / "wrapper", home / "bin" / command)
    text = f"home = /usr/bin\ninclude-system-site-packages = false\nversion = {PYTHON}\n"
    (home / "pyvenv.cfg").write_text(text, encoding="ascii")
    shutil.copy(ROOT / "LICENSE", home / "LICENSE")
    compiled(site)


def lay_locked(site: Path, arch: str) -> None:
    """The wheels of requirements/device.lock, each by its hash."""
    uv = shutil.which("uv", path=f"{Path(sys.executable).parent}{os.pathsep}{os.environ.get('PATH', '')}")
    if uv is None:
        raise BuildError("uv is missing: make setup")
    words = ["--python-version", PYTHON, "--python-platform", PLATFORMS[arch], "--only-binary", ":all:", "--no-deps"]
    lock = ROOT / "requirements" / "device.lock"
    run([uv, "pip", "install", "-q", "--target", site, *words, "--require-hashes", "--link-mode", "copy", "-r", lock])
    shutil.rmtree(site / "bin", ignore_errors=True)
    (site / ".lock").unlink(missing_ok=True)
    for info in site.glob("*.dist-info"):
        for note in NOTES:
            (info / note).unlink(missing_ok=True)


def lay_ours(site: Path) -> None:
    """Our two packages from the sources, and the name and version that the agent reports."""
    for name in OURS:
        shutil.copytree(ROOT / "src" / name, site / name, ignore=shutil.ignore_patterns("__pycache__"))
    info = site / f"pyvorin_fleet-{version()}.dist-info"
    info.mkdir()
    about = f"Metadata-Version: 2.1\nName: pyvorin-fleet\nVersion: {version()}\nLicense: Apache-2.0\n"
    (info / "METADATA").write_text(about, encoding="ascii")


def lay_system(root: Path) -> None:
    """What lies outside of the agent's own directory."""
    # The article's place for the anchor; the file itself is state, made at provisioning.
    (root / HOME / "trust_anchor.json").symlink_to(f"{STATE}/trust_anchor.json")
    (root / "usr/bin").mkdir(parents=True)
    (root / "usr/bin/pyv-edge-agent").symlink_to(f"/{HOME}/bin/pyv-edge-agent")
    put(ROOT / "deploy/systemd/pyvorin-edge.service", root / "lib/systemd/system/pyvorin-edge.service")
    put(HERE / "default", root / "etc/default/pyvorin-edge")
    docs = root / "usr/share/doc/pyvorin-edge"
    put(ROOT / "LICENSE", docs / "copyright")
    put(ROOT / "docs/how-to/raspberry-pi.md", docs / "raspberry-pi.md")
    put(ROOT / "deploy/systemd/pyvorin-edge.service.d/example.conf", docs / "example.conf")


def seal(root: Path, arch: str, out: Path) -> Path:
    """The .deb of a tree."""
    if shutil.which("dpkg-deb") is None:
        raise BuildError("dpkg-deb is missing: build the .deb on Debian, or take the .tar.gz")
    control = root / "DEBIAN"
    control.mkdir()
    kib = sum(path.lstat().st_size for path in root.rglob("*") if not path.is_dir()) // 1024
    text = (HERE / "control.in").read_text(encoding="utf-8")
    for word, value in {"@VERSION@": version(), "@ARCH@": arch, "@KIB@": str(kib)}.items():
        text = text.replace(word, value)
    (control / "control").write_text(text, encoding="utf-8")
    (control / "conffiles").write_text("/etc/default/pyvorin-edge\n", encoding="ascii")
    for script in ("postinst", "prerm", "postrm"):
        shutil.copy(HERE / script, control / script)
    settle(root)
    run(["dpkg-deb", "--root-owner-group", "-Zxz", "-z3", "--threads-max=1", "--build", root, out])
    return out


def pack(tree: Path, name: str, out: Path) -> Path:
    """The .tar.gz of a tree, its members in order, of root, of one time."""
    settle(tree)
    command = ["tar", "--sort=name", "--owner=0", "--group=0", "--numeric-owner", f"--mtime=@{epoch()}"]
    raw = out.with_suffix("")
    run([*command, f"--transform=s,^[.],{name},", "-cf", raw, "-C", tree, "."])
    run(["gzip", "-6nf", raw])
    return out


def compiled(tree: Path) -> None:
    """Byte code beside each source, taken as it is: the agent may not write here, and starts would be slow without.

    Without docstrings and functions' types, which would lie in each device's memory for years. Assertions stay, as
    `-OO` would not have it, and so do the docstrings of commands, which are their help.
    """
    for source in sorted(tree.rglob("*.py")):
        name = source.relative_to(tree)
        text = source.read_bytes()
        module = ast.parse(text, name.as_posix())
        if not name.as_posix().startswith(HELPING):
            silence(module)
        code = compile(module, name.as_posix(), "exec", dont_inherit=True, optimize=0)
        target = Path(importlib.util.cache_from_source(str(source)))
        target.parent.mkdir(exist_ok=True)
        target.write_bytes(PYC_HEAD + importlib.util.source_hash(text) + marshal.dumps(code))


def silence(module: ast.Module) -> None:
    """Take out docstrings and what functions are annotated with, in place; lines in a traceback stay as they are."""
    for node in ast.walk(module):
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            first = node.body[0] if node.body else None
            if isinstance(first, ast.Expr) and isinstance(first.value, ast.Constant):
                node.body[:1] = [] if len(node.body) > 1 else [ast.copy_location(ast.Pass(), first)]
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            node.returns = None
        if isinstance(node, ast.arg):
            node.annotation = None


def settle(tree: Path) -> None:
    """Modes and times that do not depend on who built it, and when."""
    for path in [tree, *tree.rglob("*")]:
        if not path.is_symlink():
            path.chmod(0o755 if path.is_dir() or os.access(path, os.X_OK) else 0o644)
        os.utime(path, (epoch(), epoch()), follow_symlinks=False)


def put(source: Path, target: Path) -> None:
    """Copy a file to a place whose directory may be missing."""
    target.parent.mkdir(parents=True, exist_ok=True)
    shutil.copy(source, target)


def version() -> str:
    """Of pyproject.toml."""
    found: str = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["version"]
    return found


def epoch() -> int:
    """SOURCE_DATE_EPOCH, else the last commit's time, else 1980: Unix seconds."""
    said = os.environ.get("SOURCE_DATE_EPOCH")
    if said is None:
        asked = subprocess.run(
            ["git", "-C", str(ROOT), "log", "-1", "--format=%ct"], capture_output=True, text=True, check=False
        )
        said = asked.stdout.strip() or "315532800"
    return int(said)


def run(words: list[str | Path]) -> None:
    """A tool, quiet unless it fails."""
    environment = {**os.environ, "SOURCE_DATE_EPOCH": str(epoch())}
    done = subprocess.run(list(map(str, words)), env=environment, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise BuildError(f"{words[0]} failed:\n{done.stdout}{done.stderr}")


def main() -> Iterator[Path]:
    """What was built."""
    parser = argparse.ArgumentParser(description=__doc__)
    kinds = parser.add_subparsers(dest="kind", required=True)
    of_package = kinds.add_parser("package", help="a .deb and a .tar.gz")
    of_package.add_argument("--arch", choices=PLATFORMS, default="amd64")
    of_package.add_argument("--out", type=Path, default=ROOT / "dist")
    of_bundle = kinds.add_parser("bundle", help="a directory whose site/ holds the agent")
    of_bundle.add_argument("out", type=Path)
    asked = parser.parse_args()
    if sys.version_info[:2] != (3, 11):
        raise BuildError(f"byte code is for Python {PYTHON}: build with it, not with {sys.version.split()[0]}")
    if asked.kind == "package":
        yield from package(asked.arch, asked.out)
    else:
        yield bundle(asked.out)


if __name__ == "__main__":
    try:
        for made in main():
            print(made)  # noqa: T201
    except (BuildError, OSError) as why:
        print(f"build.py: {why}", file=sys.stderr)  # noqa: T201
        sys.exit(1)
