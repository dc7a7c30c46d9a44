"""A release's config with a device's overlay over it (PROTOCOL 5, rule 10). Its digest: `orders.overlay_digest`."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from pyvorin_edge.canonical import config_hash, join_pointer
from pyvorin_edge.config.formats import parse, write
from pyvorin_edge.vocabulary import ConfigFormat


def merge_patch(document: Any, patch: Any) -> Any:
    """RFC 7396: objects merge, null removes, everything else replaces. Neither argument is changed."""
    if not isinstance(patch, dict):
        return patch
    merged = dict(document) if isinstance(document, dict) else {}
    for key, item in patch.items():
        if item is None:
            merged.pop(key, None)
        else:
            merged[key] = merge_patch(merged.get(key), item)
    return merged


def leaves(patch: dict[str, Any]) -> tuple[str, ...]:
    """Pointers of all that a patch sets: scalars, nulls, arrays whole, and empty objects (they can replace a value)."""
    return tuple(_leaves(patch, ""))


def closed_leaves(patch: dict[str, Any], open_pointers: Sequence[str]) -> tuple[str, ...]:
    """The leaves that lie neither at nor below an open pointer: not empty means `rejected: overlay_closed`."""
    return tuple(leaf for leaf in leaves(patch) if not any(_within(leaf, pointer) for pointer in open_pointers))


def render(blob: bytes, format: ConfigFormat, overlay: dict[str, Any] | None) -> bytes:
    """The config file of (release, overlay): with an empty overlay the blob byte for byte, else written anew.

    ConfigError if the blob does not parse, or if the merged document cannot be written in this format.
    """
    if not overlay:
        return blob
    return write(merge_patch(parse(blob, format), overlay), format)


def golden_hash(blob: bytes, format: ConfigFormat, overlay: dict[str, Any] | None) -> str:
    """The config hash of what `render` writes; ConfigError as there. The device computes it again (rule 10)."""
    return config_hash(parse(render(blob, format, overlay), format))


def _leaves(patch: dict[str, Any], pointer: str) -> Iterator[str]:
    for key, item in patch.items():
        here = join_pointer(pointer, key)
        if isinstance(item, dict) and item:
            yield from _leaves(item, here)
        else:
            yield here


def _within(leaf: str, pointer: str) -> bool:
    return leaf == pointer or leaf.startswith(f"{pointer}/")
