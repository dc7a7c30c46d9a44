"""The archive's one form: plain ustar members, manifest first, then by path, perhaps in gzip; read as a stream.

A header is believed only if it is, byte for byte, the one that `header_of` makes for the same path, size and mode:
so there are no links, no extended headers, no sparse files, no second way to write a name.
"""

from __future__ import annotations

import re
import zlib
from collections.abc import Iterator
from typing import BinaryIO, Final

import msgspec

from pyvorin_edge.packaging.errors import BundleError
from pyvorin_edge.packaging.paths import refuse_path, split_for_tar
from pyvorin_edge.vocabulary import BundleFault

BLOCK_BYTES: Final = 512
CHUNK_BYTES: Final = 64 * 1024
#: Two empty blocks, and nothing after them.
END: Final = bytes(2 * BLOCK_BYTES)
GZIP_MAGIC: Final = b"\x1f\x8b"
#: zlib's number for a gzip frame
GZIP_FRAME: Final = 31
_EXECUTABLE: Final = b"0000755\0"
_PLAIN: Final = b"0000644\0"
_OCTAL: Final = re.compile(rb"[0-7]{11}\0")
_KINDS: Final = {b"1": "a hard link", b"2": "a symbolic link", b"3": "a device", b"4": "a device", b"5": "a directory"}


class Member(msgspec.Struct, frozen=True):
    """A plain file in an archive."""

    path: str
    #: bytes
    size: int
    executable: bool


class Tape:
    """Reads an archive front to back, inflating at most what is asked for."""

    def __init__(self, archive: BinaryIO) -> None:
        self._archive = archive
        self._waiting = archive.read(len(GZIP_MAGIC))
        self._inflate = zlib.decompressobj(GZIP_FRAME) if self._waiting == GZIP_MAGIC else None
        self._compressed = self._waiting if self._inflate else b""
        self._waiting = b"" if self._inflate else self._waiting

    def member(self) -> Member | None:
        """The next file's header, none at the end; BundleError for whatever is in no form of ours."""
        block = self.take(BLOCK_BYTES)
        if not block.strip(b"\0"):
            self._refuse_more()
            return None
        return _member_of(block)

    def take(self, size: int) -> bytes:
        """Exactly `size` bytes (at most CHUNK_BYTES are sensible); BundleError if the archive ends before."""
        while len(self._waiting) < size:
            more = self._more()
            if not more:
                raise BundleError(BundleFault.CUT_SHORT, "archive", "it ends within a file")
            self._waiting += more
        taken, self._waiting = self._waiting[:size], self._waiting[size:]
        return taken

    def content(self, member: Member) -> Iterator[bytes]:
        """The file's bytes, to be read to their end before the next header; BundleError if its padding is no zeros."""
        left = member.size
        while left:
            chunk = self.take(min(left, CHUNK_BYTES))
            left -= len(chunk)
            yield chunk
        if self.take(-member.size % BLOCK_BYTES).strip(b"\0"):
            raise BundleError(BundleFault.ARCHIVE, member.path, "bytes hide in its padding")

    def _refuse_more(self) -> None:
        if self.take(len(END) - BLOCK_BYTES).strip(b"\0"):
            raise BundleError(BundleFault.ARCHIVE, "archive", "a single empty block stands within it")
        if self._waiting or self._more() or self._compressed:
            raise BundleError(BundleFault.ARCHIVE, "archive", "something follows its end")

    def _more(self) -> bytes:
        """Some bytes of the tar; none at its end."""
        if self._inflate is None:
            return self._archive.read(CHUNK_BYTES)
        while not self._inflate.eof:
            data = self._compressed or self._archive.read(CHUNK_BYTES)
            try:
                found = self._inflate.decompress(data, CHUNK_BYTES)
            except zlib.error as why:
                raise BundleError(BundleFault.ARCHIVE, "archive", f"not gzip: {why}") from None
            self._compressed = self._inflate.unconsumed_tail
            if found:
                return found
            if not data and not self._inflate.eof:
                raise BundleError(BundleFault.CUT_SHORT, "archive", "its gzip frame is not complete")
        self._compressed = self._inflate.unused_data or self._archive.read(1)
        return b""


def header_of(path: str, size: int, *, executable: bool) -> bytes:
    """The one header for a file: owner and group 0, time 0, mode 0755 or 0644. The path must be a safe one."""
    parts = split_for_tar(path)
    if parts is None:
        raise BundleError(BundleFault.PATH, path, "it is too long for an archive")
    prefix, name = parts
    start = name.ljust(100, b"\0") + (_EXECUTABLE if executable else _PLAIN) + b"0000000\0" * 2
    start += b"%011o\0" % size + b"00000000000\0"
    rest = b"0" + bytes(100) + b"ustar\x0000" + bytes(64) + b"0000000\0" * 2 + prefix.ljust(155, b"\0") + bytes(12)
    checksum = sum(start) + 8 * 0x20 + sum(rest)
    return start + b"%06o\0 " % checksum + rest


def _member_of(block: bytes) -> Member:
    kind = block[156:157]
    if kind != b"0":
        raise BundleError(
            BundleFault.KIND if kind in _KINDS else BundleFault.ARCHIVE,
            _name_of(block[:100]),
            _KINDS.get(kind, f"an entry of kind {kind!r}"),
        )
    prefix, name = _name_of(block[345:500]), _name_of(block[:100])
    path = f"{prefix}/{name}" if prefix else name
    refuse_path(path)
    if _OCTAL.fullmatch(block[124:136]) is None:
        raise BundleError(BundleFault.ARCHIVE, path, "its size is not in octal")
    member = Member(path, int(block[124:135], 8), block[100:108] == _EXECUTABLE)
    if header_of(path, member.size, executable=member.executable) != block:
        raise BundleError(BundleFault.ARCHIVE, path, "its header is not as pyv-edge-sign writes it")
    return member


def _name_of(field: bytes) -> str:
    # what is no UTF-8 becomes a surrogate, which no path may have
    return field.rstrip(b"\0").decode("utf-8", "surrogateescape")
