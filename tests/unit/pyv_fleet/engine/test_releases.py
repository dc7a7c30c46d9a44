"""What is published holds: signed by the release role, sound, and nothing that stands is ever replaced."""

from __future__ import annotations

import asyncio
import datetime as dt
from collections.abc import Awaitable, Callable
from pathlib import Path

import msgspec
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from pyv_fleet.core.provenance import Provenance, encode_provenance
from pyv_fleet.core.release import build_release
from pyv_fleet.engine.errors import Conflict, Invalid, NotFound
from pyv_fleet.trust.signing import sign_provenance, sign_release
from pyvorin_edge.identity import Digest, digest_of
from pyvorin_edge.orders import Release, encode_order
from pyvorin_edge.vocabulary import ConfigFormat
from running.rehearsal import KEY, Rehearsal, rehearsal

GOOD = b'[logging]\nlevel = "INFO"\n'
SENSELESS = b"[health]\nport = 99999999\n"


def play(path: Path, scene: Callable[[Rehearsal], Awaitable[None]]) -> None:
    async def run() -> None:
        async with rehearsal(path) as stage:
            await scene(stage)

    asyncio.run(run())


def built(blob: bytes = GOOD, version: str = "1.0", floor: int = 0, security: int = 0) -> Release:
    return build_release(
        blob,
        fleet="lab",
        version=version,
        format=ConfigFormat.TOML,
        floor=floor,
        security=security,
        skip_validation=True,
    )


def test_a_release_is_taken_once_and_the_same_again_changes_nothing(tmp_path: Path) -> None:
    async def scene(stage: Rehearsal) -> None:
        envelope = sign_release(built(), KEY)
        view, new = await stage.releases.publish(envelope, GOOD, "op")
        again, newly = await stage.releases.publish(envelope, GOOD, "other")
        assert (new, newly, again) == (True, False, view)
        assert await stage.releases.envelope("1.0") == envelope
        assert await stage.releases.blob(view.config_sha256) == GOOD
        assert (await stage.releases.get("1.0")).digest == view.digest
        assert (await stage.releases.page(None, 10)).total == 1

    play(tmp_path, scene)


def test_a_version_never_means_two_releases(tmp_path: Path) -> None:
    async def scene(stage: Rehearsal) -> None:
        await stage.releases.publish(sign_release(built(), KEY), GOOD, "op")
        other = GOOD + b"# other\n"
        with pytest.raises(Conflict, match="stands for another release"):
            await stage.releases.publish(sign_release(built(other), KEY), other, "op")

    play(tmp_path, scene)


def test_a_strangers_signature_is_refused_before_anything_is_read(tmp_path: Path) -> None:
    async def scene(stage: Rehearsal) -> None:
        stranger = Ed25519PrivateKey.from_private_bytes(b"\2" * 32)
        with pytest.raises(Invalid, match="not signed by the release role"):
            await stage.releases.publish(sign_release(built(), stranger), GOOD, "op")
        with pytest.raises(Invalid, match="no envelope"):
            await stage.releases.publish(b"{}", GOOD, "op")

    play(tmp_path, scene)


def test_a_wrong_config_is_refused_by_its_field_unless_taken_unchecked(tmp_path: Path) -> None:
    async def scene(stage: Rehearsal) -> None:
        envelope = sign_release(built(SENSELESS), KEY)
        with pytest.raises(Invalid) as caught:
            await stage.releases.publish(envelope, SENSELESS, "op")
        assert any("/health/port" in error for error in caught.value.errors)
        _, new = await stage.releases.publish(envelope, SENSELESS, "op", unchecked=True)
        assert new

    play(tmp_path, scene)


@pytest.mark.parametrize(
    ("change", "named"),
    [({"golden_hash": "0" * 64}, "golden_hash"), ({"fleet": "other"}, "another fleet")],
)
def test_what_does_not_fit_is_named(tmp_path: Path, change: dict[str, str], named: str) -> None:
    async def scene(stage: Rehearsal) -> None:
        release = msgspec.structs.replace(built(), **change)
        with pytest.raises(Invalid, match=named):
            await stage.releases.publish(sign_release(release, KEY), GOOD, "op")

    play(tmp_path, scene)


def test_another_config_than_the_signed_one_is_refused(tmp_path: Path) -> None:
    async def scene(stage: Rehearsal) -> None:
        with pytest.raises(Invalid, match=r"config\.sha256"):
            await stage.releases.publish(sign_release(built(), KEY), GOOD.replace(b"INFO", b"WARN"), "op")

    play(tmp_path, scene)


def test_a_floor_that_bars_the_way_back_is_refused(tmp_path: Path) -> None:
    async def scene(stage: Rehearsal) -> None:
        await stage.enrol(1)
        await stage.based_on("1.0")
        with pytest.raises(Conflict, match="bars the way back"):
            await stage.releases.publish(sign_release(built(version="2", floor=1, security=1), KEY), GOOD, "op")

    play(tmp_path, scene)


def test_what_is_not_there_is_said(tmp_path: Path) -> None:
    async def scene(stage: Rehearsal) -> None:
        with pytest.raises(NotFound, match="neither a version nor a digest"):
            await stage.releases.get("9")
        with pytest.raises(NotFound):
            await stage.releases.blob("0" * 64)

    play(tmp_path, scene)


def test_where_a_release_comes_from_is_kept_if_the_release_role_signed_it(tmp_path: Path) -> None:
    async def scene(stage: Rehearsal) -> None:
        release = built()
        said = encode_provenance(provenance(digest_of(encode_order(release))))
        stranger = Ed25519PrivateKey.from_private_bytes(b"\2" * 32)
        envelope = sign_release(release, KEY)
        with pytest.raises(Invalid, match="not signed by the release role"):
            await stage.releases.publish(envelope, GOOD, "op", provenance=sign_provenance(said, stranger))
        other = sign_provenance(encode_provenance(provenance(Digest("0" * 64))), KEY)
        with pytest.raises(Invalid, match="it is about"):
            await stage.releases.publish(envelope, GOOD, "op", provenance=other)
        statement = sign_provenance(said, KEY)
        view, _ = await stage.releases.publish(envelope, GOOD, "op", provenance=statement)
        assert view.provenance is not None
        assert (view.provenance.built_by, view.provenance.files) == ("Ada", {"config.toml": "c"})
        assert await stage.releases.provenance("1.0") == statement
        listed = (await stage.releases.page(None, 1)).items[0]
        assert listed.provenance is not None
        assert listed.provenance.files == {}

    play(tmp_path, scene)


def test_a_release_published_without_its_origin_has_it_when_it_is_said(tmp_path: Path) -> None:
    async def scene(stage: Rehearsal) -> None:
        release = built()
        await stage.releases.publish(sign_release(release, KEY), GOOD, "op")
        with pytest.raises(NotFound, match="nobody said"):
            await stage.releases.provenance("1.0")
        statement = sign_provenance(encode_provenance(provenance(digest_of(encode_order(release)))), KEY)
        view, new = await stage.releases.publish(sign_release(release, KEY), GOOD, "op", provenance=statement)
        assert (new, view.provenance is not None) == (False, True)

    play(tmp_path, scene)


def provenance(release: Digest) -> Provenance:
    return Provenance(
        v=1, release=release, version="1.0", built_by="Ada", built_at=dt.datetime(2026, 11, 25, tzinfo=dt.UTC),
        tool="test", tree=Digest("b" * 64), files={"config.toml": "c"},
    )  # fmt: skip
