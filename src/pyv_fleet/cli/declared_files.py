"""Documents from where `-f` points: files, folders, standard input; all mistakes in all of them at once."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Final

from pyv_fleet.cli.session import CliError, Exit

if TYPE_CHECKING:
    from pyv_fleet.core.declared.documents import Declared
    from pyv_fleet.core.declared.text import Raw

STDIN: Final = "-"
SUFFIXES: Final = (".yaml", ".yml", ".json")


def read_documents(places: Sequence[str]) -> tuple[Declared, ...]:
    """What files, folders (sorted, with what lies below, without hidden files) and `-` hold.

    CliError with all mistakes, each with file, line and path.
    """
    from pyv_fleet.core.declared.documents import DocumentsRefused, documents_of
    from pyv_fleet.core.declared.text import TextRefused

    sources, errors = [], []
    for name, data in _texts(places):
        try:
            sources.append((name, _read(name, data)))
        except TextRefused as why:
            errors.append(f"{name}: {why}")
    found: tuple[Declared, ...] = ()
    try:
        found = documents_of(sources)
    except DocumentsRefused as why:
        errors += why.errors
    if errors:
        raise CliError("\n  ".join(["not valid, and nothing was done:", *errors]), Exit.USAGE)
    if not found:
        raise CliError(f"{', '.join(places)}: no document there", Exit.USAGE)
    return found


def _texts(places: Sequence[str]) -> Iterator[tuple[str, bytes]]:
    for place in dict.fromkeys(places):
        if place == STDIN:
            yield "standard input", sys.stdin.buffer.read()
        elif (path := Path(place)).is_dir():
            within = _within(path)
            if not within:
                raise CliError(f"{place}: no {', '.join(SUFFIXES)} file there", Exit.USAGE)
            yield from ((str(one), one.read_bytes()) for one in within)
        else:
            yield place, path.read_bytes()


def _within(folder: Path) -> list[Path]:
    found = [one for one in sorted(folder.rglob("*")) if one.suffix.lower() in SUFFIXES and one.is_file()]
    return [one for one in found if not any(part.startswith(".") for part in one.relative_to(folder).parts)]


def _read(name: str, data: bytes) -> tuple[Raw, ...]:
    from pyv_fleet.core.declared.text import read_json, read_yaml

    return read_json(data) if name.lower().endswith(".json") else read_yaml(data)
