"""Releases and blobs by digest: what a device holds, so that going back needs no network (PROTOCOL 5, rule 4)."""

from __future__ import annotations

import enum
from collections.abc import Collection
from pathlib import Path

from pyv_edge_agent.disk.atomic import (
    DiskError,
    private_dir,
    read_bytes,
    remove_durably,
    sweep_temporaries,
    write_durably,
)
from pyvorin_edge.envelope import open_envelope
from pyvorin_edge.errors import PyvorinError
from pyvorin_edge.identity import Digest, digest_of, parse_digest
from pyvorin_edge.orders import release_digest


class SlotKind(enum.StrEnum):
    """What lies in a store, and so what its digest is of."""

    #: an envelope, by the SHA-256 of its payload
    RELEASES = "releases"
    #: a config's bytes, by their SHA-256
    BLOBS = "blobs"


class Slots:
    """`store/releases/<digest>` and `store/blobs/<sha256>`. What does not hash to its name is as good as absent."""

    def __init__(self, directory: Path) -> None:
        private_dir(directory)
        self._rooms = {kind: private_dir(directory / kind.value) for kind in SlotKind}
        for room in self._rooms.values():
            sweep_temporaries(room)

    def keep(self, kind: SlotKind, digest: str, data: bytes) -> None:
        """Store durably; nothing is written if the same bytes lie there. ValueError if the digest is another's."""
        if _digest_of(kind, data) != digest:
            raise ValueError(f"{kind.value}: {len(data)} bytes do not hash to {digest}")
        path = self._path(kind, digest)
        if read_bytes(path) != data:
            write_durably(path, data)

    def read(self, kind: SlotKind, digest: str) -> bytes | None:
        """The bytes, none if they are not there or no longer hash to their name."""
        data = read_bytes(self._path(kind, digest))
        return data if data is not None and _digest_of(kind, data) == digest else None

    def held(self, kind: SlotKind) -> frozenset[Digest]:
        """The digests that lie there, whole or not."""
        return frozenset(Digest(path.name) for path in self._rooms[kind].iterdir() if not path.name.startswith("."))

    def prune(self, kind: SlotKind, keep: Collection[str]) -> None:
        """Remove all but `keep`."""
        for digest in self.held(kind).difference(keep):
            remove_durably(self._rooms[kind] / digest)

    def _path(self, kind: SlotKind, digest: str) -> Path:
        return self._rooms[kind] / parse_digest(digest)


def peek(directory: Path, kind: SlotKind, digest: str) -> bytes | None:
    """As `Slots.read`, without making the store's folders first; DiskError if it lies there and cannot be read."""
    data = read_bytes(directory / kind.value / parse_digest(digest))
    return data if data is not None and _digest_of(kind, data) == digest else None


def _digest_of(kind: SlotKind, data: bytes) -> Digest | None:
    if kind is SlotKind.BLOBS:
        return digest_of(data)
    try:
        return release_digest(open_envelope(data).payload)
    except PyvorinError:
        return None


__all__ = ["DiskError", "SlotKind", "Slots", "peek"]
