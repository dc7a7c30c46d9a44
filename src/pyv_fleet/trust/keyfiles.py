"""Ed25519 keys in files: 64 hex of the seed, mode 0600 (the operator's root and release keys, our directive key)."""

from __future__ import annotations

import re
import secrets
from collections.abc import Callable
from pathlib import Path
from typing import Final

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from pyv_fleet.durable import write_durably
from pyv_fleet.trust.errors import KeyFileError

SEED_BYTES: Final = 32
_SEED: Final = re.compile(rb"[0-9a-fA-F]{64}\s*")


def make_key(path: Path, random: Callable[[int], bytes] = secrets.token_bytes) -> Ed25519PrivateKey:
    """Write a fresh key durably to `path`; KeyFileError if something is there: a key is never overwritten."""
    if path.exists() or path.is_symlink():
        raise KeyFileError(f"{path}: there is a file already; a key is never overwritten, choose another name")
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)  # one that is there is not ours to close
    write_durably(path, random(SEED_BYTES).hex().encode() + b"\n")
    return read_key(path)


def read_key(path: Path) -> Ed25519PrivateKey:
    """The key in `path`; KeyFileError if it is missing, readable by others, or no seed. The seed is in no message."""
    try:
        mode = path.stat().st_mode & 0o777
        data = path.read_bytes() if not mode & 0o077 else b""
    except OSError as why:
        raise KeyFileError(f"{path}: the key cannot be read ({why.strerror}); make one or restore it") from None
    if mode & 0o077:
        raise KeyFileError(f"{path}: others may read this key (mode {mode:04o}); chmod 600 it, then replace the key")
    if _SEED.fullmatch(data) is None:
        raise KeyFileError(f"{path}: no Ed25519 key, which is 64 hex characters of the seed")
    return Ed25519PrivateKey.from_private_bytes(bytes.fromhex(data.decode()))


def read_or_make_key(path: Path, random: Callable[[int], bytes] = secrets.token_bytes) -> Ed25519PrivateKey:
    """The key in `path`, made at the first call."""
    return read_key(path) if path.exists() else make_key(path, random)
