"""Policies: made once, changed in so many words, and not taken away under a channel."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from pyv_fleet.core.policy import Policy
from pyv_fleet.core.views import ChannelBody
from pyv_fleet.engine.errors import Conflict, Invalid, NotFound
from running.bench import bench


def test_the_same_policy_again_changes_nothing(tmp_path: Path) -> None:
    async def scene() -> None:
        async with bench(tmp_path) as place:
            first = await place.desk.policies.put("slow", Policy(soak_seconds=600), "me")
            assert await place.desk.policies.put("slow", Policy(soak_seconds=600), "you") == first
            changed = await place.desk.policies.put("slow", Policy(soak_seconds=60), "you")
            assert (changed.terms.soak_seconds, changed.changed_by) == (60, "you")

    asyncio.run(scene())


def test_a_policy_in_use_stays(tmp_path: Path) -> None:
    async def scene() -> None:
        async with bench(tmp_path) as place:
            with pytest.raises(NotFound, match="no such policy"):
                await place.desk.put_channel("stable", ChannelBody(policy="slow"), "me")
            await place.desk.policies.put("slow", Policy(), "me")
            await place.desk.put_channel("stable", ChannelBody(policy="slow"), "me")
            with pytest.raises(Conflict, match="stable names slow"):
                await place.desk.policies.delete("slow", "me")
            await place.desk.put_channel("stable", ChannelBody(), "me")
            await place.desk.policies.delete("slow", "me")
            assert await place.desk.policies.every() == ()

    asyncio.run(scene())


@pytest.mark.parametrize(("name", "terms"), [("No Name", Policy()), ("x", Policy(waves=("1%",)))])
def test_what_cannot_be_is_refused(tmp_path: Path, name: str, terms: Policy) -> None:
    async def scene() -> None:
        async with bench(tmp_path) as place:
            with pytest.raises(Invalid):
                await place.desk.policies.put(name, terms, "me")

    asyncio.run(scene())
