"""Device ids, shards and order hashes: a device's place in its fleet (PROTOCOL 2, 3, 5). Serials are arguments."""

from __future__ import annotations

import hashlib
import re
from typing import Final, NewType

from pyvorin_edge.errors import IdentityError

DeviceId = NewType("DeviceId", str)
ChannelName = NewType("ChannelName", str)
FleetName = NewType("FleetName", str)
Digest = NewType("Digest", str)

SHARDS: Final = 64
_DEVICE_ID: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
_FLEET: Final = re.compile(r"[A-Za-z0-9._-]{1,64}")
_CHANNEL: Final = re.compile(r"[a-z0-9-]{1,32}")
_LABEL: Final = re.compile(r"[A-Za-z0-9]([A-Za-z0-9._/-]{0,61}[A-Za-z0-9])?")
_DIGEST: Final = re.compile(r"[0-9a-f]{64}")
_PLACEHOLDERS: Final = frozenset(
    {
        "",
        "unknown",
        "none",
        "default string",
        "to be filled by o.e.m.",
        "system serial number",
        "not specified",
        "not applicable",
        "n/a",
    }
)


def sha256_of(*parts: str) -> str:
    """SHA-256 over several parts joined with a 00 byte (PROTOCOL 1), lower-case hex."""
    return hashlib.sha256(b"\0".join(part.encode("utf-8") for part in parts)).hexdigest()


def device_id_of(serial: str, prefix: str = "FLEET") -> DeviceId:
    """`<PREFIX>-<first 12 hex of SHA-256(serial)>`; IdentityError for a placeholder, never a shared id (PROTOCOL 2)."""
    clean = clean_serial(serial)
    return parse_device_id(f"{prefix}-{hashlib.sha256(clean.encode('utf-8')).hexdigest()[:12]}")


def clean_serial(serial: str) -> str:
    """The serial without NUL and blanks; IdentityError if it is a placeholder that many boards share."""
    clean = serial.replace("\0", "").strip()
    if clean.lower() in _PLACEHOLDERS or not clean.strip("0-.") or not clean.lower().strip("f-"):
        raise IdentityError(f"serial {serial!r} is a placeholder that other boards share: give --serial or --device-id")
    return clean


def parse_device_id(text: str) -> DeviceId:
    """A device id of the form `[A-Za-z0-9][A-Za-z0-9._-]{0,63}`, else IdentityError."""
    if not _DEVICE_ID.fullmatch(text):
        raise IdentityError(
            f"device id {text!r}: letters, digits, '.', '_', '-', at most 64, the first a letter or digit"
        )
    return DeviceId(text)


def parse_channel(text: str) -> ChannelName:
    """A channel's name `[a-z0-9-]{1,32}`, else IdentityError."""
    if not _CHANNEL.fullmatch(text):
        raise IdentityError(f"channel {text!r}: lower-case letters, digits and '-', at most 32")
    return ChannelName(text)


def parse_fleet(text: str) -> FleetName:
    """A fleet's name `[A-Za-z0-9._-]{1,64}`, else IdentityError."""
    if not _FLEET.fullmatch(text):
        raise IdentityError(f"fleet {text!r}: letters, digits, '.', '_', '-', at most 64")
    return FleetName(text)


def parse_label(text: str) -> tuple[str, str]:
    """`key=value` of a label, both of letters, digits and `._-/`, else IdentityError."""
    key, equals, value = text.partition("=")
    if not equals or not _LABEL.fullmatch(key) or not _LABEL.fullmatch(value):
        raise IdentityError(f"label {text!r}: write key=value with letters, digits, '.', '_', '-', '/'")
    return key, value


def parse_digest(text: str) -> Digest:
    """64 lower-case hex characters, else IdentityError."""
    if not _DIGEST.fullmatch(text):
        raise IdentityError(f"{text!r} is no digest: 64 lower-case hex characters")
    return Digest(text)


def digest_of(data: bytes) -> Digest:
    """SHA-256 of bytes, lower-case hex."""
    return Digest(hashlib.sha256(data).hexdigest())


def shard_of(device_id: str) -> str:
    """Two decimal digits: the first byte of SHA-256("shard" ‖ id) mod 64 (`FLEET-0a1b2c3d4e5f` → `26`)."""
    return f"{int(sha256_of('shard', device_id)[:2], 16) % SHARDS:02d}"


def order_hash(salt: str, device_id: str) -> str:
    """A device's place in a rollout: first 16 hex of SHA-256(salt ‖ id); in where it is below `below` (PROTOCOL 5)."""
    return sha256_of(salt, device_id)[:16]


def spread_delay_seconds(device_id: str, release: str, attempt: int, spread_seconds: int) -> int:
    """Rule 5: the device's own delay, 0 … spread_seconds, the same after every restart."""
    place = int(sha256_of("spread", device_id, release, str(attempt))[:16], 16)
    return place % (spread_seconds + 1)
