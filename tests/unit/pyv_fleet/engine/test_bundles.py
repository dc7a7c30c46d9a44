"""A release's bundle is at the controller, whole and signed, before the release is."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest

from pyv_fleet.core.ranges import Piece, Span
from pyv_fleet.core.release import build_release
from pyv_fleet.engine.errors import Conflict, Invalid, NotFound, Unavailable
from pyv_fleet.trust.signing import sign_release
from pyvorin_edge.identity import Digest
from pyvorin_edge.orders import BundleRef
from pyvorin_edge.vocabulary import ConfigFormat
from running.bundles import archive_of, manifest_digest, signed
from running.rehearsal import KEY, Rehearsal, rehearsal

CONFIG = b'[logging]\nlevel = "INFO"\n'
SEED = KEY.private_bytes_raw()
DATA = b"0123456789"
NAME = hashlib.sha256(DATA).hexdigest()


def play(path: Path, scene: Callable[[Rehearsal], Awaitable[None]]) -> None:
    async def run() -> None:
        async with rehearsal(path) as stage:
            await scene(stage)

    asyncio.run(run())


async def said(*chunks: bytes) -> AsyncIterator[bytes]:
    for chunk in chunks:
        yield chunk


def named(archive: bytes, root: Path, **changes: Any) -> BundleRef:
    ref = BundleRef(
        name="agent", version="1.0", manifest_sha256=Digest(manifest_digest(root)),
        sha256=Digest(hashlib.sha256(archive).hexdigest()), size=len(archive),
    )  # fmt: skip
    return msgspec.structs.replace(ref, **changes)


async def publish(stage: Rehearsal, bundle: BundleRef) -> BundleRef | None:
    release = build_release(CONFIG, fleet="lab", version="1.0", format=ConfigFormat.TOML, bundle=bundle)
    view, _ = await stage.releases.publish(sign_release(release, KEY), CONFIG, "op")
    return view.bundle


async def take(stage: Rehearsal, archive: bytes) -> None:
    piece = Piece(Span(0, len(archive) - 1), len(archive))
    await stage.bundles.take(hashlib.sha256(archive).hexdigest(), piece, said(archive), "op")


def test_a_release_shows_the_bundle_that_it_names(tmp_path: Path) -> None:
    root = signed(tmp_path / "b", seed=SEED)
    archive = archive_of(root).read()

    async def scene(stage: Rehearsal) -> None:
        await take(stage, archive)
        assert await publish(stage, named(archive, root)) == named(archive, root)

    play(tmp_path, scene)


def test_a_bundle_that_was_not_uploaded_is_refused(tmp_path: Path) -> None:
    root = signed(tmp_path / "b", seed=SEED)

    async def scene(stage: Rehearsal) -> None:
        with pytest.raises(Invalid, match="not here"):
            await publish(stage, named(archive_of(root).read(), root))

    play(tmp_path, scene)


@pytest.mark.parametrize("change", [{"name": "x"}, {"version": "2"}, {"size": 1}, {"manifest_sha256": "ab" * 32}])
def test_a_release_that_says_something_else_of_it_is_refused(tmp_path: Path, change: dict[str, Any]) -> None:
    root = signed(tmp_path / "b", seed=SEED)
    archive = archive_of(root).read()

    async def scene(stage: Rehearsal) -> None:
        await take(stage, archive)
        with pytest.raises(Invalid, match=f"bundle.{next(iter(change))}"):
            await publish(stage, named(archive, root, **change))

    play(tmp_path, scene)


def test_a_strangers_bundle_is_refused(tmp_path: Path) -> None:
    root = signed(tmp_path / "b", seed=bytes(32))
    archive = archive_of(root).read()

    async def scene(stage: Rehearsal) -> None:
        await take(stage, archive)
        with pytest.raises(Invalid, match="not signed by enough keys"):
            await publish(stage, named(archive, root))

    play(tmp_path, scene)


def test_an_upload_goes_on_where_it_was(tmp_path: Path) -> None:
    async def scene(stage: Rehearsal) -> None:
        first = await stage.bundles.take(NAME, Piece(Span(0, 3), 10), said(b"01", b"23"), "op")
        assert (first.received, first.complete) == (4, False)
        assert (await stage.bundles.take(NAME, Piece(None, 10), said(), "op")).received == 4
        last = await stage.bundles.take(NAME, Piece(Span(4, 9), 10), said(b"456789"), "op")
        assert (last.received, last.complete) == (10, True)
        assert await stage.bundles.size_of(NAME) == 10

    play(tmp_path, scene)


def test_a_hole_is_refused(tmp_path: Path) -> None:
    async def scene(stage: Rehearsal) -> None:
        with pytest.raises(Conflict, match="0 bytes are here"):
            await stage.bundles.take(NAME, Piece(Span(4, 9), 10), said(b"456789"), "op")

    play(tmp_path, scene)


@pytest.mark.parametrize(
    ("name", "piece", "body"),
    [
        ("../fleet.db", Piece(Span(0, 9), 10), DATA),
        (NAME, Piece(Span(0, 9), 2**40), DATA),
        (NAME, Piece(Span(0, 4), 10), DATA),
        ("ab" * 32, Piece(Span(0, 9), 10), DATA),
    ],
)
def test_what_is_not_what_it_says_is_refused(tmp_path: Path, name: str, piece: Piece, body: bytes) -> None:
    async def scene(stage: Rehearsal) -> None:
        with pytest.raises(Invalid):
            await stage.bundles.take(name, piece, said(body), "op")
        with pytest.raises(NotFound):
            await stage.bundles.size_of(name)

    play(tmp_path, scene)


def test_two_uploads_of_one_bundle_do_not_mix(tmp_path: Path) -> None:
    async def scene(stage: Rehearsal) -> None:
        begun, go_on = asyncio.Event(), asyncio.Event()

        async def slow() -> AsyncIterator[bytes]:
            begun.set()
            await go_on.wait()
            yield DATA

        first = asyncio.create_task(stage.bundles.take(NAME, Piece(Span(0, 9), 10), slow(), "op"))
        await begun.wait()
        with pytest.raises(Conflict, match="someone else"):
            await stage.bundles.take(NAME, Piece(Span(0, 9), 10), said(DATA), "other")
        go_on.set()
        assert (await first).complete

    play(tmp_path, scene)


def test_a_disk_that_refuses_is_said(tmp_path: Path) -> None:
    async def scene(stage: Rehearsal) -> None:
        (tmp_path / "bundles").write_bytes(b"in the way")
        with pytest.raises(Unavailable):
            await stage.bundles.take(NAME, Piece(Span(0, 9), 10), said(DATA), "op")

    play(tmp_path, scene)
