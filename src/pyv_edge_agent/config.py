"""The article's `Config`: what a config file declares, and what the agent makes of it on this device (PROTOCOL 7)."""

from __future__ import annotations

import copy
import hashlib
import hmac
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Self

from pyvorin_edge.canonical import canonical_bytes, config_hash, join_pointer
from pyvorin_edge.config.document import problems, with_defaults
from pyvorin_edge.config.formats import parse, placed, sniff
from pyvorin_edge.config.problem import ConfigError, Problem
from pyvorin_edge.config.redaction import redact, secret_pointers, shown_at
from pyvorin_edge.config.variables import Reference, Values, references, substitute
from pyvorin_edge.vocabulary import ConfigFormat


class Config:
    """A declared config document. Reading neither substitutes nor validates: a cron job has no secrets."""

    def __init__(self, declared: Mapping[str, Any]) -> None:
        self._declared: dict[str, Any] = copy.deepcopy(dict(declared))
        self._source: tuple[bytes, ConfigFormat] | None = None

    @classmethod
    def from_file(cls, path: str | Path) -> Self:
        """Read TOML or JSON, told apart by content; ConfigError if it does not parse, OSError if it cannot be read."""
        return cls.from_bytes(Path(path).read_bytes())

    @classmethod
    def from_bytes(cls, data: bytes, format: ConfigFormat | None = None) -> Self:
        """The same from bytes, in the given format or the one that the content shows."""
        source = (data, format or sniff(data))
        config = cls(parse(*source))
        config._source = source
        return config

    def to_dict(self) -> dict[str, Any]:
        """The declared document: before defaults and before `${VAR}`, so that one golden hash holds for a channel."""
        return copy.deepcopy(self._declared)

    def declared_hash(self) -> str:
        """The config hash (PROTOCOL 7), the same as the article's `config_hash` of the file."""
        return config_hash(self._declared)

    def references(self) -> tuple[Reference, ...]:
        """Every `${…}` in it: what must be looked up on this device before `effective` can be asked."""
        return references(self._declared)

    def effective(self, env: Values) -> dict[str, Any]:
        """The document that the agent runs on: defaults merged, then substituted; ConfigError names what is unset.

        `env` holds the references' values by their `key`; for `${VAR}` that is its name, so os.environ will do.
        """
        return substitute(with_defaults(self._declared), env)

    def shown(self, env: Values) -> dict[str, Any]:
        """The effective document to be looked at: all that came through `${…}` or is secret by name is hidden."""
        shown: dict[str, Any] = redact(self.effective(env), self._referring(), substituted=True)
        return shown

    def validate(self, env: Values) -> None:
        """Raise ConfigError with every problem of the effective document, each with its line if it was read from a
        file; values are never shown."""
        try:
            found = problems(self.effective(env), substituted=True)
        except ConfigError as why:
            found = tuple({*why.problems, *problems(with_defaults(self._declared))})
        self._raise_if_any(found)

    def validate_as_written(self) -> None:
        """The same for the document as it is written: of a `${…}` only that it is well formed, as a controller sees it,
        which has neither the variables nor the files of a device."""
        self._raise_if_any(problems(with_defaults(self._declared)))

    def effective_hash(self, env: Values, device_key: bytes) -> str:
        """Hash of the effective document with each secret replaced by a digest under `device_key`.

        It tells that an environment override changed something without telling what (PROTOCOL 7). Secret is all that
        came through `${…}` and all that is secret by name.
        """
        effective = self.effective(env)
        return config_hash(_digested(effective, "", self._hidden(effective), device_key))

    def hidden_digests(self, env: Values, device_key: bytes) -> dict[str, str]:
        """Key path → digest under `device_key` of each value that came through `${…}` or is secret by name: which of
        them changed can be said by two of these, and never to what. ConfigError names what is unset."""
        effective = self.effective(env)
        found = {pointer: shown_at(effective, pointer) for pointer in self._hidden(effective)}
        return {pointer: _keyed(value, pointer, device_key) for pointer, value in found.items()}

    def _raise_if_any(self, found: tuple[Problem, ...]) -> None:
        if found:
            by_path = sorted(found, key=lambda problem: problem.pointer)
            raise ConfigError(placed(by_path, *self._source) if self._source is not None else by_path)

    def _hidden(self, effective: Mapping[str, Any]) -> frozenset[str]:
        return self._referring().union(secret_pointers(effective))

    def _referring(self) -> frozenset[str]:
        return frozenset(reference.pointer for reference in self.references())


def _digested(value: Any, pointer: str, hidden: frozenset[str], key: bytes) -> Any:
    if pointer in hidden:
        return _keyed(value, pointer, key)
    match value:
        case dict():
            return {name: _digested(item, join_pointer(pointer, name), hidden, key) for name, item in value.items()}
        case list():
            return [_digested(item, join_pointer(pointer, str(i)), hidden, key) for i, item in enumerate(value)]
    return value


def _keyed(value: Any, pointer: str, key: bytes) -> str:
    return "hmac-sha256:" + hmac.new(key, canonical_bytes([pointer, value]), hashlib.sha256).hexdigest()
