"""What one channel proved goes to another by its own canary; with one channel's values it goes nowhere else."""

from __future__ import annotations

import asyncio
import datetime as dt
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest
from msgspec.structs import replace

from pyv_fleet.core.provenance import Provenance, encode_provenance
from pyv_fleet.core.release import build_release
from pyv_fleet.core.views import PromoteBody, YankBody
from pyv_fleet.engine.audit import AuditLog
from pyv_fleet.engine.errors import Conflict, Invalid, NotFound
from pyv_fleet.engine.promotions import Promotions
from pyv_fleet.engine.trust_chain import TrustChain
from pyv_fleet.engine.yanks import Yanks
from pyv_fleet.store import channels
from pyv_fleet.store.channels import ChannelRecord
from pyv_fleet.trust.signing import sign_provenance, sign_release
from pyvorin_edge.identity import Digest, digest_of
from pyvorin_edge.orders import Rule, encode_order
from pyvorin_edge.vocabulary import ConfigFormat, RuleKind
from running.rehearsal import KEY, START, Rehearsal, rehearsal

BODY = PromoteBody(from_="stable", to="field", reason="proved")


def play(path: Path, scene: Callable[[Rehearsal, Promotions], Awaitable[None]]) -> None:
    async def run() -> None:
        async with rehearsal(path) as stage:
            async with stage.database.begin() as connection:
                await channels.save(connection, ChannelRecord(name="field", created_at=START))
            await stage.enrol(10)
            await stage.enrol(5, kind="field", channel="field")
            await scene(stage, Promotions(stage.ground, AuditLog(stage.ground), stage.rollouts))

    asyncio.run(run())


async def in_field(stage: Rehearsal, version: str) -> None:
    """The target channel runs a release already."""
    digest = await stage.release(version)
    rule = Rule(kind=RuleKind.RELEASE, release=Digest(digest), attempt=1)
    await stage.orders.publish_directive("field", [rule], reason="x", actor="op")


async def publish(stage: Rehearsal, version: str, channel: str, tree: str) -> str:
    """A release that says it was built from these files for this channel."""
    blob = f'[logging]\nlevel = "INFO"\n# {version} {channel}\n'.encode()
    release = build_release(blob, fleet="lab", version=f"{version}+{channel}", format=ConfigFormat.TOML)
    said = Provenance(
        v=1, release=digest_of(encode_order(release)), version=version, built_by="Ada", tool="test",
        built_at=dt.datetime(2026, 11, 25, tzinfo=dt.UTC), tree=Digest(tree * 64), files={}, channel=channel,
    )  # fmt: skip
    statement = sign_provenance(encode_provenance(said), KEY)
    view, _ = await stage.releases.publish(sign_release(release, KEY), blob, "op", provenance=statement)
    return view.version


async def prove(stage: Rehearsal, version: str) -> None:
    await stage.roll(version, "100%")
    await stage.obey()
    await stage.wait(11)
    await stage.obey()


def test_it_begins_with_the_targets_own_canary(tmp_path: Path) -> None:
    async def scene(stage: Rehearsal, promotions: Promotions) -> None:
        await in_field(stage, "0.9")
        await stage.based_on("1.0")
        made = await promotions.promote("1.0", BODY, "ada")
        assert (made.channel, made.version, made.baseline_version) == ("field", "1.0", "0.9")
        assert made.waves[0].devices == 1
        lines = (await AuditLog(stage.ground).page(None, 100)).items
        assert any(line.act == "release.promote" and "from stable to field" in line.subject for line in lines)

    play(tmp_path, scene)


def test_a_channels_first_release_goes_to_all_of_it(tmp_path: Path) -> None:
    async def scene(stage: Rehearsal, promotions: Promotions) -> None:
        await stage.based_on("1.0")
        assert [wave.cohort for wave in (await promotions.promote("1.0", BODY, "ada")).waves] == ["100%"]

    play(tmp_path, scene)


def test_what_was_not_proved_is_refused_unless_anyway_and_that_is_written_down(tmp_path: Path) -> None:
    async def scene(stage: Rehearsal, promotions: Promotions) -> None:
        await in_field(stage, "0.9")
        await stage.release("1.0")
        with pytest.raises(Conflict, match="not what stable runs"):
            await promotions.promote("1.0", BODY, "ada")
        await stage.roll("1.0", "100%")
        with pytest.raises(Conflict, match="under way"):
            await promotions.promote("1.0", BODY, "ada")
        made = await promotions.promote("1.0", replace(BODY, anyway=True), "ada")
        assert "though a rollout is under way" in made.reason

    play(tmp_path, scene)


def test_a_channel_that_was_only_told_has_proved_nothing(tmp_path: Path) -> None:
    async def scene(stage: Rehearsal, promotions: Promotions) -> None:
        await in_field(stage, "0.9")
        with pytest.raises(Conflict, match="no rollout of it was completed in field"):
            await promotions.promote("0.9", PromoteBody(from_="field", to="stable", reason="x"), "ada")

    play(tmp_path, scene)


def test_the_sister_from_the_same_files_goes_where_the_release_has_a_channels_values(tmp_path: Path) -> None:
    async def scene(stage: Rehearsal, promotions: Promotions) -> None:
        await in_field(stage, "0.9")
        await prove(stage, await publish(stage, "1.0", "stable", "a"))
        with pytest.raises(Conflict, match="--channel field"):
            await promotions.promote("1.0+stable", BODY, "ada")
        await publish(stage, "1.0", "field", "a")
        assert (await promotions.promote("1.0", BODY, "ada")).version == "1.0+field"

    play(tmp_path, scene)


def test_a_sister_from_other_files_is_none(tmp_path: Path) -> None:
    async def scene(stage: Rehearsal, promotions: Promotions) -> None:
        await in_field(stage, "0.9")
        await prove(stage, await publish(stage, "1.0", "stable", "a"))
        await publish(stage, "1.0", "field", "b")
        with pytest.raises(Conflict, match="from the same files"):
            await promotions.promote("1.0", BODY, "ada")

    play(tmp_path, scene)


def test_a_release_that_was_withdrawn_is_not_promoted(tmp_path: Path) -> None:
    async def scene(stage: Rehearsal, promotions: Promotions) -> None:
        await in_field(stage, "0.9")
        await stage.based_on("1.0")
        yanks = Yanks(stage.ground, await TrustChain.load(stage.ground), AuditLog(stage.ground), stage.rollouts)
        await yanks.yank("1.0", YankBody(reason="it lies"), "ada")
        with pytest.raises(Conflict, match="it lies"):
            await promotions.promote("1.0", replace(BODY, anyway=True), "ada")

    play(tmp_path, scene)


def test_what_is_not_there_is_said(tmp_path: Path) -> None:
    async def scene(stage: Rehearsal, promotions: Promotions) -> None:
        with pytest.raises(NotFound):
            await promotions.promote("9", BODY, "ada")
        with pytest.raises(NotFound):
            await promotions.promote("9", replace(BODY, to="nowhere"), "ada")
        with pytest.raises(Invalid):
            await promotions.promote("9", replace(BODY, to="stable"), "ada")

    play(tmp_path, scene)
