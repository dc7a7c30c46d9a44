"""A broker's memory makes a store again, and never takes one back."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path

import msgspec
from cryptography import x509
from sqlalchemy import delete, update

from pyv_fleet.core.recovery import sort_out
from pyv_fleet.engine.assembly import found_fleet
from pyv_fleet.engine.ground import Ground
from pyv_fleet.engine.recovery import Taken, take_orders, take_trust
from pyv_fleet.store import channels, devices, releases
from pyv_fleet.store import orders as directives
from pyv_fleet.store.database import Database
from pyv_fleet.store.schema import certificates
from pyv_fleet.store.schema import devices as devices_table
from pyv_fleet.trust import certificates as x509s
from pyvorin_edge.envelope import public_bytes
from pyvorin_edge.trust import from_key
from running.bench import Bench, bench


def play(path: Path, scene: Callable[[Bench], Awaitable[None]]) -> None:
    async def run() -> None:
        async with bench(path) as place:
            await scene(place)

    asyncio.run(run())


async def recovered(place: Bench, path: Path) -> tuple[Database, Taken]:
    """An empty store that took what the bench's broker holds."""
    database = await Database.open(f"sqlite+aiosqlite:///{path}")
    anchor = public_bytes(place.root_key)
    await found_fleet(database, "test", anchor.hex(), place.time.ms)
    ground = Ground(database, place.time.now, lambda count: bytes(count), "test")
    trust, versions = await take_trust(ground, from_key(anchor), place.ledger.retained)
    assert versions == (1,)
    taken = await take_orders(ground, sort_out(trust, "test", place.ledger.retained), with_directives=True)
    return database, taken


def test_an_empty_store_has_all_that_stood_at_the_broker(tmp_path: Path) -> None:
    async def scene(place: Bench) -> None:
        await place.enrol("dev-a", await place.token(labels={"site": "berlin"}))
        digest = await place.release("1.0")
        order = await place.order(digest, attempt=4)
        database, taken = await recovered(place, tmp_path / "again.db")
        try:
            assert (taken.ahead, taken.releases, taken.devices) == (("stable",), ("1.0",), ("dev-a",))
            async with database.read() as connection:
                current = await directives.current(connection, "stable")
                device = await devices.get(connection, "dev-a")
                release = await releases.get(connection, digest)
            assert current is not None
            assert device is not None
            assert release is not None
            assert (current.generation, current.foreign) == (order.generation, False)
            assert (device.labels, device.channel) == ({"site": "berlin"}, "stable")
            assert release.attempt == 4
        finally:
            await database.close()

    play(tmp_path, scene)


def test_what_the_store_knows_already_or_better_is_left_alone(tmp_path: Path) -> None:
    async def scene(place: Bench) -> None:
        await place.enrol("dev-a")
        first = await place.release("1.0")
        await place.order(first)
        held = dict(place.ledger.retained)
        place.time.forward(1)
        newer = await place.order(first, attempt=2)
        ground = Ground(place.database, place.time.now, lambda count: bytes(count), "test")
        taken = await take_orders(ground, sort_out(place.engine.trust.current, "test", held), with_directives=True)
        assert not taken
        async with place.database.read() as connection:
            current = await directives.current(connection, "stable")
        assert current is not None
        assert current.generation == newer.generation

    play(tmp_path, scene)


def test_a_channel_made_since_has_the_terms_of_its_directive(tmp_path: Path) -> None:
    async def scene(place: Bench) -> None:
        from pyv_fleet.core.views import ChannelBody

        await place.desk.put_channel(
            "stable", ChannelBody(beat_seconds=7, settle_seconds=0, download_bytes_per_second=9), "test"
        )
        await place.order(await place.release("1.0"))
        database, _ = await recovered(place, tmp_path / "again.db")
        try:
            async with database.read() as connection:
                record = await channels.get(connection, "stable")
            assert record is not None
            assert (record.beat_seconds, record.settle_seconds, record.download_bytes_per_second) == (7, 0, 9)
        finally:
            await database.close()

    play(tmp_path, scene)


async def forget(place: Bench, device_id: str, *, key: bool) -> None:
    """As a store that does not know the certificate, nor with `key` whose it is."""
    async with place.database.begin() as connection:
        await connection.execute(delete(certificates))
        if key:
            this = devices_table.c.device_id == device_id
            await connection.execute(update(devices_table).where(this).values(key_sha256=""))


def test_a_certificate_that_the_store_forgot_is_known_again_when_it_is_shown(tmp_path: Path) -> None:
    async def scene(place: Bench) -> None:
        shown = x509.load_der_x509_certificate(await place.enrol("dev-a"))
        await forget(place, "dev-a", key=True)
        assert not await place.desk.device_certificate_valid("dev-a", shown.serial_number)
        assert await place.desk.device_certificate_valid("dev-a", shown.serial_number, shown)
        assert await place.desk.device_certificate_valid("dev-a", shown.serial_number)

    play(tmp_path, scene)


def test_one_of_another_authority_or_on_the_last_crl_is_not(tmp_path: Path) -> None:
    async def scene(place: Bench) -> None:
        shown = x509.load_der_x509_certificate(await place.enrol("dev-a"))
        strange = x509s.self_signed("dev-a", x509s.new_key(), serial=5, now=shown.not_valid_before_utc,
                                    life=x509s.BACKDATED * 9)  # fmt: skip
        async with place.database.begin() as connection:
            await connection.execute(update(certificates).values(revoked_at=place.time.ms))
        await place.engine.refresh_crl()
        await forget(place, "dev-a", key=True)
        await place.engine.refresh_crl()
        for certificate in (shown, strange.certificate):
            serial = certificate.serial_number
            assert not await place.desk.device_certificate_valid("dev-a", serial, certificate)
        crl = x509.load_pem_x509_crl(place.authority.places.device_crl.read_bytes())
        assert crl.get_revoked_certificate_by_serial_number(shown.serial_number) is not None

    play(tmp_path, scene)


def test_what_was_taken_is_said_in_a_sentence() -> None:
    taken = Taken(ahead=("stable",), devices=("a", "b"))
    assert taken.sentence == "1 newer directive, 2 unknown devices"
    assert (bool(taken), Taken().sentence) == (True, "nothing")
    assert msgspec.structs.replace(taken, ahead=(), devices=()) == Taken()
