"""A release's directory at the operator's: its files, and what git and the machine say of where they come from."""

from __future__ import annotations

import datetime as dt
import getpass
import subprocess
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Final

from pyv_fleet.cli.session import CliError, Exit

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from pyv_fleet.core.provenance import Commit, Provenance
    from pyvorin_edge.identity import Digest

GIT_SECONDS: Final = 20
#: what stands among layers and is none
_NO_LAYERS: Final = (".md", ".txt")


def read_files(directory: Path) -> dict[str, bytes]:
    """`release.toml`, the config that it names, and all layers, by path; CliError, ReleaseRefused, OSError."""
    from pyv_fleet.core.release_tree import RELEASE_FILE, read_terms

    main = directory / RELEASE_FILE
    if not main.is_file():
        raise CliError(f"{directory}: holds no {RELEASE_FILE}: that names the version and the config", Exit.USAGE)
    files = {RELEASE_FILE: main.read_bytes()}
    for path in (directory / read_terms(files[RELEASE_FILE]).config, *_layers(directory)):
        files[_within(directory, path)] = path.read_bytes()
    return files


def commit_of(directory: Path, without: Path | None = None) -> Commit | None:
    """The commit that git has there, and whether the directory differs from it; none without git or repository.

    `without` is a path within that does not count: where the release is written to.
    """
    from pyv_fleet.core.provenance import Commit

    head = _git(directory, "rev-parse", "--verify", "HEAD")
    if head is None:
        return None
    paths = ["."]
    if without is not None and without.resolve().is_relative_to(directory.resolve()):
        paths.append(f":(exclude){without.resolve().relative_to(directory.resolve())}")
    changed = _git(directory, "status", "--porcelain", "--", *paths)
    return Commit(id=head.strip(), dirty=changed is None or bool(changed.strip()))


def builder(directory: Path) -> str:
    """Who builds: the name and address that git knows here, else the user's name on this machine."""
    name, mail = ((_git(directory, "config", f"user.{key}") or "").strip() for key in ("name", "email"))
    if name:
        return f"{name} <{mail}>" if mail else name
    return getpass.getuser()


def stated(digest: Digest, version: str, directory: Path, files: Mapping[str, str], *, by: str | None) -> Provenance:
    """Who builds, from what, now: `files` are digests by path within `directory`."""
    from pyv_fleet.core.provenance import Provenance, tree_of

    tree, listed = tree_of(files)
    return Provenance(
        v=1,
        release=digest,
        version=version,
        built_by=(by or builder(directory))[:512],
        built_at=dt.datetime.now(dt.UTC).replace(microsecond=0),  # noqa: TID251 - this shell's look at the clock
        tool=tool(),
        commit=commit_of(directory),
        tree=tree,
        files=listed,
    )


def tool() -> str:
    """This program and its version."""
    return f"pyvorin-fleet {version('pyvorin-fleet')}"


def _layers(directory: Path) -> Iterator[Path]:
    from pyv_fleet.core.release_tree import LAYERS

    for path in sorted((directory / LAYERS).rglob("*")):
        hidden = any(part.startswith(".") for part in path.relative_to(directory).parts)
        if path.is_file() and not hidden and path.suffix.lower() not in _NO_LAYERS:
            yield path


def _within(directory: Path, path: Path) -> str:
    try:
        return path.resolve().relative_to(directory.resolve()).as_posix()
    except ValueError:
        raise CliError(f"{path}: lies outside {directory}: a release is built from one directory", Exit.USAGE) from None


def _git(directory: Path, *words: str) -> str | None:
    """What git says; none if it is not there, or says no."""
    try:
        done = subprocess.run(
            ["git", "--no-optional-locks", "-C", str(directory), *words],
            capture_output=True, text=True, check=False, timeout=GIT_SECONDS,
        )  # fmt: skip
    except (OSError, subprocess.SubprocessError, UnicodeDecodeError):
        return None
    return done.stdout if done.returncode == 0 else None
