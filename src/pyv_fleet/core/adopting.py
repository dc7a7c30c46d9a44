"""A device's own change made the fleet's: what can become its overlay, what needs a release, what is refused.

Values come from the device's redacted snapshot. What is secret is refused key by key: its value never leaves a device.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, Final

import msgspec

from pyv_fleet.core.layering import merge_patch_keeping_null
from pyv_fleet.core.words import AdoptWay
from pyvorin_edge.canonical import join_pointer
from pyvorin_edge.config.layers import closed_leaves, merge_patch
from pyvorin_edge.config.redaction import REDACTED, redact, shown_at
from pyvorin_edge.drift import differing_paths

SECRET: Final = (
    "a secret: its value never leaves the device; name it as ${VAR} in the config, and set VAR on the device"
)
UNREADABLE: Final = "the live file cannot be read: mend it on the device, or write the applied config back"
NULL: Final = "a null: no overlay and no layer can set one"
_ABSENT: Final = object()


class Adopted(msgspec.Struct, frozen=True, kw_only=True):
    """One key path of the change. A list is taken whole, so its pointer is the list's."""

    pointer: str
    way: AdoptWay
    #: why it is refused; blank if it is not
    why: str = ""


class Adoption(msgspec.Struct, frozen=True, kw_only=True):
    """What a device's change comes to."""

    keys: tuple[Adopted, ...]
    #: the device's own values with those keys that the release opens
    own: dict[str, Any]
    #: what a new release would have to change, as a merge patch
    patch: dict[str, Any]
    #: with all of it the golden document is the live one, but for what is ignored
    whole: bool

    def by(self, way: AdoptWay) -> tuple[str, ...]:
        """The pointers that go one way."""
        return tuple(one.pointer for one in self.keys if one.way is way)


def adoption(
    *,
    base: Mapping[str, Any],
    overlay: dict[str, Any],
    own: dict[str, Any],
    live: Any,
    reported: Sequence[str],
    open_pointers: Sequence[str],
    composed: Callable[[dict[str, Any]], dict[str, Any]],
    ignored: Callable[[str], bool],
) -> Adoption:
    """How `live`, as the device redacted it, differs from the release's config `base` under the device's `overlay`.

    `own` is the part of the overlay that the device sets itself, `composed` lays such a part over its groups'.
    `reported` are the paths at which the device says that it drifted: a secret that changed shows nowhere else.
    """
    golden = redact(merge_patch(dict(base), overlay))
    keys: dict[str, Adopted] = {}
    patch: dict[str, Any] = {}
    for pointer in _pointers(golden, live, reported):
        if ignored(pointer):
            continue
        value, before = shown_at(live, pointer, _ABSENT), shown_at(golden, pointer, _ABSENT)
        if pointer and _same(before, value):
            continue  # reported, and mended since
        why = _refused(live, pointer, value)
        change = _placed(pointer, None if value is _ABSENT else value)
        if why:
            keys[pointer] = Adopted(pointer=pointer, way=AdoptWay.REFUSED, why=why)
        elif closed_leaves(change, open_pointers):
            keys[pointer] = Adopted(pointer=pointer, way=AdoptWay.RELEASE)
            patch = merge_patch_keeping_null(patch, change)
        else:
            keys[pointer] = Adopted(pointer=pointer, way=AdoptWay.OWN)
            own = merge_patch_keeping_null(own, change)
    after = redact(merge_patch(merge_patch(dict(base), patch), composed(own)))
    left = [path for path in differing_paths(after, live) if not ignored(path)]
    refused = any(one.way is AdoptWay.REFUSED for one in keys.values())
    return Adoption(keys=tuple(keys.values()), own=own, patch=patch, whole=not left and not refused)


def _pointers(golden: Any, live: Any, reported: Sequence[str]) -> list[str]:
    """Where they differ, as an overlay can say it: a list whole, a new table key by key."""
    found: set[str] = set()
    for path in {*differing_paths(golden, live), *reported}:
        lifted = _lifted(golden, live, path)
        here = shown_at(live, lifted, _ABSENT)
        if shown_at(golden, lifted, _ABSENT) is _ABSENT and isinstance(here, dict) and here:
            found.update(_leaves(here, lifted))
        else:
            found.add(lifted)
    return sorted(found)


def _lifted(golden: Any, live: Any, path: str) -> str:
    """The path, or the nearest list above it."""
    here = ""
    for step in path.split("/")[1:]:
        if here and any(isinstance(shown_at(one, here), list) for one in (golden, live)):
            return here
        here = f"{here}/{step}"
    return here


def _leaves(table: dict[str, Any], pointer: str) -> Iterator[str]:
    for key, item in table.items():
        here = join_pointer(pointer, key)
        if isinstance(item, dict) and item:
            yield from _leaves(item, here)
        else:
            yield here


def _same(one: Any, other: Any) -> bool:
    if one is _ABSENT or other is _ABSENT:
        return one is other
    return not _holds(other, REDACTED) and not differing_paths(one, other)


def _refused(live: Any, pointer: str, value: Any) -> str:
    if pointer == "" or not isinstance(live, dict):
        return UNREADABLE
    if value is _ABSENT:
        return ""
    if _holds(value, REDACTED):
        return SECRET
    return NULL if _holds(value, None) else ""


def _holds(value: Any, wanted: object) -> bool:
    match value:
        case dict():
            return any(_holds(item, wanted) for item in value.values())
        case list():
            return any(_holds(item, wanted) for item in value)
    return bool(value == wanted)


def _placed(pointer: str, value: Any) -> dict[str, Any]:
    made: Any = value
    for step in reversed(pointer.split("/")[1:]):
        made = {step.replace("~1", "/").replace("~0", "~"): made}
    return made if isinstance(made, dict) else {}
