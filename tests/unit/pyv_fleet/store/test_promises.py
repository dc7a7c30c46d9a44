"""What the parts of the store promise each other: nothing twice, nothing of another's row, pages without gaps."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest
from msgspec.structs import replace
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncConnection

from pyv_fleet.core.words import AuthScope
from pyv_fleet.store import audit, devices, orders, releases, status, tokens
from pyv_fleet.store.database import Database
from pyv_fleet.store.devices import DeviceRecord
from pyv_fleet.store.orders import DirectiveRecord
from pyv_fleet.store.records import IN_MAX
from pyv_fleet.store.releases import ReleaseRecord
from pyv_fleet.store.status import StatusRecord
from pyv_fleet.store.tokens import ApiTokenRecord
from pyvorin_edge.orders import EMPTY_OVERLAY
from pyvorin_edge.vocabulary import ConfigFormat, Connectivity

Scene = Callable[[AsyncConnection], Awaitable[None]]


def in_store(path: Path, scene: Scene) -> None:
    async def run() -> None:
        database = await Database.open(f"sqlite+aiosqlite:///{path / 'fleet.db'}")
        try:
            async with database.begin() as connection:
                await scene(connection)
        finally:
            await database.close()

    asyncio.run(run())


def device(name: str) -> DeviceRecord:
    return DeviceRecord(
        device_id=name, key_sha256="k" * 64, incarnation=1, quarantined=False, enrolled_at=5, channel="stable",
        labels={}, overlay={}, overlay_digest=EMPTY_OVERLAY, pin=None, tz="UTC", min_generation=0, epoch=1, number=1,
        assignment=b"e", published_at=None,
    )  # fmt: skip


def release(number: int, config: str = "c" * 64) -> ReleaseRecord:
    return ReleaseRecord(
        digest=f"{number:064x}", version=f"1.{number}", envelope=b"e", config_sha256=config, format=ConfigFormat.TOML,
        golden_hash="f" * 64, security=0, floor=0, attempt=0, published_at=number, published_by="test",
    )  # fmt: skip


def directive(generation: int) -> DirectiveRecord:
    return DirectiveRecord(
        channel="stable", epoch=1, generation=generation, envelope=b"e", payload_sha256="0" * 64, rules=(), reason="r",
        issued_by="t", issued_at=1, expires_at=2,
    )  # fmt: skip


def test_a_generation_of_a_channel_is_given_out_once(tmp_path: Path) -> None:
    async def scene(connection: AsyncConnection) -> None:
        await orders.put(connection, directive(7))
        await orders.put(connection, directive(8))
        with pytest.raises(IntegrityError):
            await orders.put(connection, directive(7))

    in_store(tmp_path, scene)


def test_what_a_device_says_and_what_it_is_are_rows_apart(tmp_path: Path) -> None:
    async def scene(connection: AsyncConnection) -> None:
        await devices.save(connection, device("dev-a"))
        await status.add_blank(connection, "dev-a")
        said = StatusRecord(device_id="dev-a", connectivity=Connectivity.ONLINE, last_seen=9)
        await status.save_many(connection, [said])
        assert await devices.get(connection, "dev-a") == device("dev-a")
        await devices.save(connection, replace(device("dev-a"), number=2))
        known = await status.get(connection, "dev-a")
        assert known is not None
        assert (known.device.number, known.status) == (2, said)

    in_store(tmp_path, scene)


def test_more_devices_than_one_question_may_name_are_found_and_stored(tmp_path: Path) -> None:
    names = [f"dev-{number:04}" for number in range(IN_MAX + 1)]

    async def scene(connection: AsyncConnection) -> None:
        for name in names:
            await devices.save(connection, device(name))
            await status.add_blank(connection, name)
        await status.save_many(connection, [StatusRecord(device_id=name, last_seen=1) for name in names])
        found = await status.get_many(connection, names)
        assert sorted(found) == names
        assert {known.status.last_seen for known in found.values()} == {1}

    in_store(tmp_path, scene)


def test_pages_by_key_leave_nothing_out_though_something_new_came_between(tmp_path: Path) -> None:
    async def scene(connection: AsyncConnection) -> None:
        for number in range(5):
            await releases.put(connection, release(number), b"config")
        seen: list[str] = []
        after: str | None = None
        more = True
        while more:
            page, more, _ = await releases.find_page(connection, after, 2)
            seen += [one.version for one in page]
            after = page[-1].version
            await releases.put(connection, release(50 + len(seen)), b"config")
        assert [version for version in seen if version < "1.5"] == ["1.4", "1.3", "1.2", "1.1", "1.0"]
        assert len(seen) == len(set(seen))

    in_store(tmp_path, scene)


def test_releases_of_one_config_share_its_bytes(tmp_path: Path) -> None:
    async def scene(connection: AsyncConnection) -> None:
        await releases.put(connection, release(1), b"config")
        await releases.put(connection, release(2), b"config")
        assert await releases.configs(connection) == {release(1).digest: "c" * 64, release(2).digest: "c" * 64}
        with pytest.raises(IntegrityError):
            await releases.put(connection, release(2), b"config")

    in_store(tmp_path, scene)


def test_lines_of_the_audit_log_are_numbered_without_a_gap_and_paged_newest_first(tmp_path: Path) -> None:
    async def scene(connection: AsyncConnection) -> None:
        for number in range(3):
            await audit.append(connection, now_ms=number, actor="a", act="b", subject="c", reason="d")
        page, more, total = await audit.find_page(connection, None, 2)
        assert ([line.seq for line in page], more, total) == ([3, 2], True, 3)
        page, more, _ = await audit.find_page(connection, "2", 2)
        assert ([line.seq for line in page], more) == ([1], False)

    in_store(tmp_path, scene)


def test_a_key_is_found_by_its_hash_alone(tmp_path: Path) -> None:
    key = ApiTokenRecord(token_id="t", sha256="a" * 64, name="ci", scope=AuthScope.INGEST)

    async def scene(connection: AsyncConnection) -> None:
        await tokens.put_api(connection, key, 1)
        assert await tokens.api_token_of(connection, "a" * 64) == key
        assert await tokens.api_token_of(connection, "ci") is None
        assert await tokens.api_tokens_all(connection) == [key]

    in_store(tmp_path, scene)
