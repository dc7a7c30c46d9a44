"""A parcel is the orders in force, byte for byte: packing issues nothing and takes up no generation."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest
from msgspec.structs import replace

from pyv_fleet.core.parcels import contents_of
from pyv_fleet.engine.audit import AuditLog
from pyv_fleet.engine.errors import Conflict, Invalid, NotFound
from pyv_fleet.engine.parcels import Parcels
from pyv_fleet.engine.trust_chain import TrustChain
from pyv_fleet.store import channels, devices
from pyv_fleet.store import orders as directives
from pyvorin_edge.parcels import decode_parcel
from running.rehearsal import Rehearsal, rehearsal


def play(path: Path, scene: Callable[[Rehearsal, Parcels], Awaitable[None]]) -> None:
    async def run() -> None:
        async with rehearsal(path) as stage:
            trust = await TrustChain.load(stage.ground)
            await scene(stage, Parcels(stage.ground, trust, stage.orders, AuditLog(stage.ground)))

    asyncio.run(run())


def test_a_channels_parcel_holds_its_directive_as_it_was_signed(tmp_path: Path) -> None:
    async def scene(stage: Rehearsal, parcels: Parcels) -> None:
        await stage.release("1.0")
        data = await parcels.order("stable", "1.0", "because", "op")
        async with stage.database.read() as connection:
            current = await directives.current(connection, "stable")
        assert current is not None
        assert decode_parcel(data).directive == current.envelope.decode()
        assert contents_of(data).versions == ("1.0",)
        assert await parcels.of_channel("stable") == data

    play(tmp_path, scene)


def test_a_devices_parcel_has_its_assignment_too(tmp_path: Path) -> None:
    async def scene(stage: Rehearsal, parcels: Parcels) -> None:
        await stage.release("1.0")
        await parcels.order("stable", "1.0", "because", "op")
        await stage.enrol(1)
        async with stage.database.begin() as connection:
            device = await devices.get(connection, "FLEET-simulated-0")
            assert device is not None
            await stage.orders.issue_assignment(connection, device, actor="op")
        contents = contents_of(await parcels.of_device("FLEET-simulated-0"))
        assert contents.assignment is not None
        assert contents.assignment.device_id == "FLEET-simulated-0"
        assert contents.versions == ("1.0",)

    play(tmp_path, scene)


def test_there_is_none_of_what_is_not_there_or_orders_nothing(tmp_path: Path) -> None:
    async def scene(stage: Rehearsal, parcels: Parcels) -> None:
        with pytest.raises(NotFound):
            await parcels.of_channel("other")
        with pytest.raises(NotFound):
            await parcels.of_device("FLEET-none")
        with pytest.raises(Conflict, match="orders nothing yet"):
            await parcels.of_channel("stable")

    play(tmp_path, scene)


def test_a_channel_without_network_is_ordered_once_and_the_same_again_changes_nothing(tmp_path: Path) -> None:
    async def scene(stage: Rehearsal, parcels: Parcels) -> None:
        await stage.release("1.0")
        first = await parcels.order("stable", "1.0", "because", "op")
        assert await parcels.order("stable", "1.0", "because", "op") == first
        await stage.release("1.1")
        second = contents_of(await parcels.order("stable", "1.1", "because", "op"))
        directive = contents_of(first).directive
        assert directive is not None
        assert second.directive is not None
        assert second.directive.generation > directive.generation
        assert second.versions == ("1.1",)

    play(tmp_path, scene)


def test_it_is_no_way_round_the_canary_of_devices_on_the_network(tmp_path: Path) -> None:
    async def scene(stage: Rehearsal, parcels: Parcels) -> None:
        await stage.enrol(1)
        await stage.release("1.0")
        with pytest.raises(Conflict, match="start a rollout"):
            await parcels.order("stable", "1.0", "because", "op")
        with pytest.raises(Conflict, match="orders nothing yet"):
            await parcels.of_channel("stable")

    play(tmp_path, scene)


def test_a_frozen_channel_takes_nothing_new_and_lets_one_go_back(tmp_path: Path) -> None:
    async def scene(stage: Rehearsal, parcels: Parcels) -> None:
        for version in ("1.0", "1.1", "1.2"):
            await stage.release(version)
        for version in ("1.0", "1.1"):
            await parcels.order("stable", version, "because", "op")
        freeze = {"begins_at": "2000-01-01T00:00:00Z", "ends_at": "2100-01-01T00:00:00Z", "reason": "the fair"}
        async with stage.database.begin() as connection:
            record = await channels.get(connection, "stable")
            assert record is not None
            await channels.save(connection, replace(record, freezes=[freeze]))
        with pytest.raises(Conflict, match="the fair"):
            await parcels.order("stable", "1.2", "because", "op")
        assert contents_of(await parcels.order("stable", "1.0", "back", "op")).versions == ("1.0",)

    play(tmp_path, scene)


def test_an_order_without_a_reason_is_refused(tmp_path: Path) -> None:
    async def scene(stage: Rehearsal, parcels: Parcels) -> None:
        await stage.release("1.0")
        with pytest.raises(Invalid):
            await parcels.order("stable", "1.0", " ", "op")

    play(tmp_path, scene)
