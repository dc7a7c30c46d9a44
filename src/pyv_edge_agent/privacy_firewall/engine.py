"""One engine over sensor names and metadata keys.

Each name is judged alone: by the first rule whose pattern matches it, in the order of the config, else by the default.
Case and Unicode spelling do not matter. A sensor's name decides over its value, a metadata key over what stands under
it, at any depth and within lists. So `*email*` reaches an `email` key of any sensor, and `allow` above `*` makes an
exception. Values are never looked at: a secret in free text is hidden only by the name that it stands under.
"""

from __future__ import annotations

import enum
import fnmatch
import hashlib
import hmac
import json
import re
import threading
import unicodedata
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any, Final, Self

import msgspec

MASKED: Final = "***"
HASHED_PREFIX: Final = "hmac-sha256:"
#: 128 bits: two values of one device never meet by chance, and a line of them still fits a screen.
HASH_LETTERS: Final = 32
#: Names kept for /health; beyond, only the counts grow.
NAMES_MAX: Final = 64
_NAME_LONGEST: Final = 128


class Action(enum.StrEnum):
    """What a rule does to a value: `***`, leave it out, a keyed hash, or let it pass."""

    MASK = "mask"
    DROP = "drop"
    HASH = "hash"
    ALLOW = "allow"


class Rule(msgspec.Struct, frozen=True):
    """One rule of `privacy.rules`."""

    #: as in a shell: `*`, `?`, `[…]`
    sensor_pattern: str
    action: Action


class Cleared(msgspec.Struct, frozen=True):
    """What may pass of one reading."""

    value: Any
    metadata: dict[str, Any]


class PrivacyFigures(msgspec.Struct, frozen=True):
    """The `privacy` part of /health, and how often each action was taken since the start. Names, never values."""

    enabled: bool
    rules_active: int
    #: names of what was masked or dropped
    fields_redacted: tuple[str, ...]
    fields_hashed: tuple[str, ...]
    counts: dict[str, int]


class PrivacyFirewall:
    """Applies the rules, safe across threads. Hashes are HMAC-SHA256 under `device_key`: equal on one device only."""

    def __init__(
        self,
        rules: Sequence[Rule],
        *,
        device_key: bytes,
        enabled: bool = True,
        default: Action = Action.ALLOW,
    ) -> None:
        """`default`: what is done to a name that no rule matches."""
        self._enabled = enabled
        self._rules = [(re.compile(fnmatch.translate(_plain(rule.sensor_pattern))), rule.action) for rule in rules]
        self._default = default
        # a key of its own: the device's other digests say nothing about these
        self._key = hmac.new(device_key, b"pyvorin-edge privacy", hashlib.sha256).digest()
        self._lock = threading.Lock()
        self._names: dict[Action, set[str]] = {action: set() for action in Action}
        self._counts: Counter[Action] = Counter()

    @classmethod
    def from_document(cls, privacy: Mapping[str, Any], *, device_key: bytes) -> Self:
        """From the `privacy` section of an effective, validated document."""
        rules = [Rule(rule["sensor_pattern"], Action(rule["action"])) for rule in privacy["rules"]]
        return cls(rules, device_key=device_key, enabled=privacy["enabled"], default=Action(privacy["default"]))

    def clear(self, name: str, value: Any, metadata: Mapping[str, Any]) -> Cleared | None:
        """What may pass of a reading of sensor `name`; none = drop the whole reading."""
        if not self._enabled:
            return Cleared(value, dict(metadata))
        action = self._judge(name)
        if action is Action.DROP:
            return None
        return Cleared(self._treated(action, value), self._cleared(metadata))

    def figures(self) -> PrivacyFigures:
        """What was done since the start, for /health."""
        with self._lock:
            redacted = self._names[Action.MASK] | self._names[Action.DROP]
            return PrivacyFigures(
                enabled=self._enabled,
                rules_active=len(self._rules) if self._enabled else 0,
                fields_redacted=tuple(sorted(redacted)[:NAMES_MAX]),
                fields_hashed=tuple(sorted(self._names[Action.HASH])[:NAMES_MAX]),
                counts={action.value: self._counts[action] for action in Action},
            )

    def _cleared(self, metadata: Mapping[str, Any]) -> dict[str, Any]:
        passed = {}
        for key, item in metadata.items():
            action = self._judge(str(key))
            if action is Action.ALLOW:
                passed[key] = self._within(item)
            elif action is not Action.DROP:
                passed[key] = self._treated(action, item)
        return passed

    def _within(self, item: Any) -> Any:
        match item:
            case Mapping():
                return self._cleared(item)
            case list() | tuple():
                return [self._within(one) for one in item]
        return item

    def _judge(self, name: str) -> Action:
        plain = _plain(name)
        action = next((action for pattern, action in self._rules if pattern.match(plain)), self._default)
        with self._lock:
            self._counts[action] += 1
            if action is not Action.ALLOW and len(self._names[action]) < NAMES_MAX:
                self._names[action].add(name[:_NAME_LONGEST])
        return action

    def _treated(self, action: Action, value: Any) -> Any:
        if action is Action.MASK:
            return MASKED
        return self._hash(value) if action is Action.HASH else value

    def _hash(self, value: Any) -> str:
        # as JSON, so that 1, 1.0, true and "1" are four values
        said = json.dumps(value, sort_keys=True, separators=(",", ":"), default=str).encode()
        return HASHED_PREFIX + hmac.new(self._key, said, hashlib.sha256).hexdigest()[:HASH_LETTERS]


def _plain(name: str) -> str:
    """One spelling of a name or pattern: `ＥＭａｉｌ` is `email`."""
    return unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", name).casefold())
