"""How large a bundle may be: every figure holds before the bytes in question are read."""

from __future__ import annotations

from typing import Final

import msgspec


class BundleLimits(msgspec.Struct, frozen=True, kw_only=True):
    """The default figures hold an agent with all its dependencies ten times over."""

    #: bytes of `manifest.json`
    manifest_bytes: int = 1024 * 1024
    #: how many files
    files: int = 4096
    #: bytes of one file
    file_bytes: int = 128 * 1024 * 1024
    #: bytes of all files together
    total_bytes: int = 256 * 1024 * 1024


DEFAULT_LIMITS: Final = BundleLimits()
