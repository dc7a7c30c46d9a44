"""Keys of people and programs: shown once, kept as a hash, told apart by name in the audit log."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from pyv_fleet.core.keys import KeySpec
from pyv_fleet.core.words import AuthScope
from pyv_fleet.engine.errors import Conflict
from running.bench import Bench, bench

CI = KeySpec(name="ci", scope=AuthScope.OPERATE, valid_seconds=60)


def play(path: Path, scene: Callable[[Bench], Awaitable[None]]) -> None:
    async def run() -> None:
        async with bench(path) as place:
            await scene(place)

    asyncio.run(run())


def test_a_key_may_what_its_scope_says_until_its_time_is_over(tmp_path: Path) -> None:
    async def scene(place: Bench) -> None:
        made = await place.desk.create_key(CI, "alice")
        assert await place.desk.scope_of(made.key) == ("ci", AuthScope.OPERATE)
        place.time.forward(60)
        assert await place.desk.scope_of(made.key) is None

    play(tmp_path, scene)


def test_who_made_a_key_is_in_the_audit_log_and_the_key_is_not(tmp_path: Path) -> None:
    async def scene(place: Bench) -> None:
        made = await place.desk.create_key(CI, "alice")
        act = (await place.desk.audit(None, 1)).items[0]
        assert (act.actor, act.act, act.subject) == ("alice", "key.create", "ci")
        assert made.key not in repr(act)

    play(tmp_path, scene)


@pytest.mark.parametrize("name", ["ci", "controller"])
def test_no_two_actors_share_a_name_in_the_audit_log(tmp_path: Path, name: str) -> None:
    async def scene(place: Bench) -> None:
        await place.desk.create_key(CI, "alice")
        with pytest.raises(Conflict, match="name"):
            await place.desk.create_key(KeySpec(name=name, scope=AuthScope.READ), "mallory")

    play(tmp_path, scene)
