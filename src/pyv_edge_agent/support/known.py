"""Which values of this device are secret, so that they can be looked for in what leaves it."""

from __future__ import annotations

import contextlib
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final

from pyv_edge_agent.config import Config
from pyv_edge_agent.state_dir import StateDir
from pyv_edge_agent.support.hiding import secret_words, secrets_in, texts_of
from pyv_edge_agent.values import CREDENTIALS_DIRECTORY, values_of
from pyvorin_edge.canonical import join_pointer
from pyvorin_edge.config.document import with_defaults
from pyvorin_edge.config.problem import ConfigError
from pyvorin_edge.config.redaction import is_secret_name
from pyvorin_edge.config.variables import references

_SECRET_FILES: Final = ("*.key", "env", "env.*", "credentials/*", "secrets/*")
_FILE_BYTES_MAX: Final = 256 * 1024
_LINE: Final = re.compile(r"^\s*(?:export\s+)?[\"']?([\w.-]+)[\"']?\s*[=:]\s*(.+?)[\s,]*$")
#: Values of variables that say nothing to a stranger, and stand in every JSON document.
_PLAIN: Final = re.compile(r"\d{1,5}|(?i:true|false|none|null|info|debug|warning|error|localhost|json|toml|text)")


def known_secrets(place: StateDir, config: Path, environ: Mapping[str, str]) -> frozenset[str]:
    """Every value that must not be shown: files of keys and credentials, the env file, what the config refers to, and
    what it holds under a secret name. What cannot be read holds nothing that could be shown."""
    found: set[str] = set()
    for path in _secret_files(place, environ):
        found.update(secret_words(_text(path)))
    found.update(value for name, value in environ.items() if is_secret_name(name))
    for path in {config, place.config}:
        found.update(_of_config(_text(path), place, environ))
    return frozenset(value for value in found if value and not _PLAIN.fullmatch(value))


def hidden_pointers(declared: dict[str, Any]) -> frozenset[str]:
    """Where the effective document holds what came through `${…}`."""
    return frozenset(reference.pointer for reference in references(with_defaults(declared)))


def _of_config(text: str, place: StateDir, environ: Mapping[str, str]) -> Iterator[str]:
    yield from _by_name(text)
    try:
        config = Config.from_bytes(text.encode("utf-8", "surrogateescape"))
    except ConfigError:
        return
    declared = config.to_dict()
    yield from secrets_in(declared)
    named = references(with_defaults(declared))
    values = values_of(named, place, environ)
    yield from (value for value in values.values() if isinstance(value, str))
    yield from (reference.default for reference in named if reference.default)
    with contextlib.suppress(ConfigError):
        effective = config.effective(values)
        yield from secrets_in(effective)
        hidden = hidden_pointers(declared)
        yield from (text for pointer, value in _leaves(effective, "") if pointer in hidden for text in texts_of(value))


def _by_name(text: str) -> Iterator[str]:
    """Of a file that does not parse: what stands behind a secret name on one line."""
    for line in text.splitlines():
        said = _LINE.match(line)
        if said is not None and is_secret_name(said[1]):
            yield said[2].strip("\"'")


def _leaves(value: Any, pointer: str) -> Iterator[tuple[str, Any]]:
    match value:
        case dict():
            for key, item in value.items():
                yield from _leaves(item, join_pointer(pointer, key))
        case list():
            for index, item in enumerate(value):
                yield from _leaves(item, join_pointer(pointer, str(index)))
        case _:
            yield pointer, value


def _secret_files(place: StateDir, environ: Mapping[str, str]) -> Iterator[Path]:
    for pattern in _SECRET_FILES:
        with contextlib.suppress(OSError):
            yield from place.root.glob(pattern)
    credentials = environ.get(CREDENTIALS_DIRECTORY)
    if credentials:
        with contextlib.suppress(OSError):
            yield from Path(credentials).iterdir()


def _text(path: Path) -> str:
    try:
        with path.open("rb") as file:
            return file.read(_FILE_BYTES_MAX).decode("utf-8", "surrogateescape")
    except OSError:
        return ""
