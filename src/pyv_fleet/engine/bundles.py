"""Bundles at the controller: taken in pieces from operators, judged as devices judge them, given out by digest."""

from __future__ import annotations

import asyncio
import errno
from collections.abc import AsyncIterator, Callable
from contextlib import contextmanager
from typing import TYPE_CHECKING, BinaryIO, Final, TypeVar

from pyv_fleet.core.bundles import BundleView
from pyv_fleet.core.ranges import Piece
from pyv_fleet.engine.errors import Conflict, Invalid, NotFound, Unavailable
from pyv_fleet.store.bundle_files import CHUNK_BYTES, BundleFiles
from pyvorin_edge.errors import IdentityError
from pyvorin_edge.identity import parse_digest

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pyv_fleet.engine.audit import AuditLog
    from pyv_fleet.engine.ground import Ground
    from pyvorin_edge.orders import BundleRef
    from pyvorin_edge.trust import Trust

T = TypeVar("T")
#: Uploads that nobody continued for so long are removed.
PART_SECONDS: Final = 86_400


class Bundles:
    """Takes, keeps and gives bundles."""

    def __init__(self, ground: Ground, audit: AuditLog, files: BundleFiles) -> None:
        self._ground = ground
        self._audit = audit
        self._files = files
        self._growing: set[str] = set()

    async def take(self, sha256: str, piece: Piece, content: AsyncIterator[bytes], actor: str) -> BundleView:
        """Append a piece of an upload, or with no span say how far it is.

        The last piece makes it a bundle, if its SHA-256 is the one in its name. Invalid, Conflict, Unavailable.
        """
        _refuse_name(sha256)
        if piece.total > self._files.max_bytes:
            allowed = f"bundles.max_bytes in fleet.toml allows {self._files.max_bytes}"
            raise Invalid("too large", f"{piece.total} bytes; {allowed}")
        size = await self._disk(self._files.size_of, sha256)
        if size is not None:
            return BundleView(sha256=sha256, size=size, received=size, complete=True)
        if piece.span is None:
            received = await self._disk(self._files.received, sha256)
            return BundleView(sha256=sha256, size=piece.total, received=received, complete=False)
        with self._alone(sha256):
            return await self._grow(sha256, piece, content, actor)

    async def size_of(self, sha256: str) -> int:
        """Bytes of a bundle; NotFound."""
        found = await self._disk(self._files.size_of, sha256) if _is_digest(sha256) else None
        if found is None:
            raise NotFound("no such bundle", f"none of SHA-256 {sha256!r} was uploaded")
        return found

    async def open(self, sha256: str) -> BinaryIO:
        """A bundle to read in a thread, closed by the caller; NotFound."""
        found = await self._disk(self._files.open, sha256) if _is_digest(sha256) else None
        if found is None:
            raise NotFound("no such bundle", f"none of SHA-256 {sha256!r} was uploaded")
        return found

    async def refuse_unsound(self, named: BundleRef, trust: Trust) -> None:
        """Invalid unless the bundle that a release names is here, and is what every device will find it to be."""
        if await self._disk(self._files.size_of, named.sha256) is None:
            raise Invalid(
                "its bundle is not here",
                f"bundle.sha256: {named.sha256} was not uploaded: `pyv-fleet release upload` does both",
            )
        said = await asyncio.to_thread(_judge, self._files, named, trust)
        if said is not None:
            raise Invalid("its bundle does not hold", said, (said,))

    async def forget(self) -> None:
        """Uploads that were given up."""
        await self._disk(self._files.forget_parts, self._ground.clock() / 1000 - PART_SECONDS)

    async def _grow(self, sha256: str, piece: Piece, content: AsyncIterator[bytes], actor: str) -> BundleView:
        assert piece.span is not None
        at = await self._disk(self._files.received, sha256)
        if piece.span.first > at:
            raise Conflict("a piece is missing", f"the piece begins at {piece.span.first}, {at} bytes are here")
        at, end = piece.span.first, piece.span.last + 1
        async for chunk in _gathered(content):
            if at + len(chunk) > end:
                raise Invalid("not the piece announced", f"more than the {piece.span.size} bytes that it names")
            await self._disk(self._files.append, sha256, at, chunk)
            at += len(chunk)
        if at < piece.total:
            return BundleView(sha256=sha256, size=piece.total, received=at, complete=False)
        if not await self._disk(self._files.complete, sha256):
            raise Invalid("another file", f"what was uploaded has not the SHA-256 {sha256}: upload it again")
        async with self._ground.database.begin() as connection:
            await self._audit.record(
                connection, actor=actor, act="bundle.upload", subject=sha256, reason=f"{at} bytes uploaded"
            )
        return BundleView(sha256=sha256, size=at, received=at, complete=True)

    @contextmanager
    def _alone(self, sha256: str) -> Iterator[None]:
        if sha256 in self._growing:
            raise Conflict("an upload is under way", f"someone else uploads {sha256} at this moment: wait, ask again")
        self._growing.add(sha256)
        try:
            yield
        finally:
            self._growing.discard(sha256)

    async def _disk(self, act: Callable[..., T], *arguments: object) -> T:
        try:
            return await asyncio.to_thread(act, *arguments)
        except OSError as why:
            if why.errno in (errno.ENOSPC, errno.EDQUOT):
                raise Unavailable("no room", "the disk that holds the bundles is full: make room, try again") from None
            raise Unavailable("the bundles cannot be reached", why.strerror or str(why)) from None


async def _gathered(content: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    """The same bytes in chunks worth a turn on the disk."""
    waiting = bytearray()
    async for chunk in content:
        waiting += chunk
        if len(waiting) >= CHUNK_BYTES:
            yield bytes(waiting)
            waiting.clear()
    if waiting:
        yield bytes(waiting)


def _judge(files: BundleFiles, named: BundleRef, trust: Trust) -> str | None:
    """What is wrong with a bundle, in words; none if it holds. Reads it whole."""
    from pyvorin_edge.packaging.errors import BundleError
    from pyvorin_edge.packaging.inspection import inspect

    archive = files.open(named.sha256)
    if archive is None:
        return f"bundle.sha256: {named.sha256} is gone"
    with archive:
        try:
            found = inspect(archive)
            found.refuse_unsigned(trust)
        except BundleError as why:
            return f"bundle: {why}"
    size = files.size_of(named.sha256)
    said = {"size": named.size, "manifest_sha256": named.manifest_sha256, "name": named.name, "version": named.version}
    is_ = {
        "size": size,
        "manifest_sha256": found.manifest_sha256,
        "name": found.manifest.bundle_name,
        "version": found.manifest.version,
    }
    wrong = [key for key in said if said[key] != is_[key]]
    return "; ".join(f"bundle.{key}: the release says {said[key]}, the bundle has {is_[key]}" for key in wrong) or None


def _is_digest(text: str) -> bool:
    try:
        parse_digest(text)
    except IdentityError:
        return False
    return True


def _refuse_name(sha256: str) -> None:
    if not _is_digest(sha256):
        raise Invalid("no digest", f"{sha256!r}: a bundle is named by its SHA-256, 64 lower-case hex characters")
