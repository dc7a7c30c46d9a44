"""A device's own change as the files of a release (release_tree.py): what it ran, with the change as layers over it."""

from __future__ import annotations

import json
import re
from typing import Any, Final

import msgspec

from pyv_fleet.core.release_tree import LAYERS, RELEASE_FILE
from pyv_fleet.core.views import AdoptionView
from pyvorin_edge.config.formats import write
from pyvorin_edge.orders import Release
from pyvorin_edge.vocabulary import ConfigFormat

VERSION_LETTERS_MAX: Final = 64


def adopted_files(found: AdoptionView, release: Release, blob: bytes, bundle: str | None) -> dict[str, bytes]:
    """By path. `blob` are the config's bytes, `bundle` the name of its archive within the directory, if there is one.

    The layers are JSON: only there `null` says that a key goes.
    """
    config = f"config.{release.config.format.value}"
    files = {RELEASE_FILE: _terms(found, release, config, bundle), config: blob}
    if found.patch:
        files[f"{LAYERS}/fleet.json"] = _json(found.patch)
    if found.own:
        files[f"{LAYERS}/device/{found.device_id}.json"] = _json(found.own)
    return files


def _terms(found: AdoptionView, release: Release, config: str, bundle: str | None) -> bytes:
    terms: dict[str, Any] = {
        "version": _version(release.version, found.live_hash),
        "fleet": release.fleet,
        "config": config,
        "open": list(release.open),
        "security": release.security,
        "floor": release.floor,
        "gate": {
            "within_seconds": release.gate.within_seconds,
            "hold_seconds": release.gate.hold_seconds,
            "require": msgspec.to_builtins(release.gate.require),
        },
    }
    return write(terms | ({} if bundle is None else {"bundle": bundle}), ConfigFormat.TOML)


def _version(before: str, live_hash: str) -> str:
    """Said by the change itself, so that the same change has the same version; without a channel's own mark."""
    mark = f"-adopted-{live_hash[:8]}"
    plain = re.sub(r"-adopted-[0-9a-f]{8}$", "", before.partition("+")[0])
    return plain[: VERSION_LETTERS_MAX - len(mark)] + mark


def _json(document: dict[str, Any]) -> bytes:
    return json.dumps(document, indent=2, ensure_ascii=False).encode() + b"\n"
