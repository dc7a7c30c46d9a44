"""A device that is shut out is shut out everywhere, and comes back whole when it is lifted."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest
from cryptography import x509

from pyv_fleet.engine.errors import Forbidden, NotFound
from pyv_fleet.trust import certificates
from running.bench import Bench, bench, csr

ME = "FLEET-1"


def play(path: Path, scene: Callable[[Bench], Awaitable[None]]) -> None:
    async def run() -> None:
        async with bench(path) as place:
            await scene(place)

    asyncio.run(run())


def on_crl(place: Bench, serial: int) -> bool:
    crl = x509.load_pem_x509_crl(place.authority.places.device_crl.read_bytes())
    return crl.get_revoked_certificate_by_serial_number(serial) is not None


def test_a_quarantined_devices_certificate_counts_nowhere_until_it_is_lifted(tmp_path: Path) -> None:
    async def scene(place: Bench) -> None:
        key = certificates.new_key()
        made = await place.enrol(ME, key=key)
        serial = x509.load_der_x509_certificate(made).serial_number
        view = await place.desk.quarantine.impose(ME, "stolen?", "op")
        assert view.quarantined
        assert on_crl(place, serial)
        assert not await place.desk.device_certificate_valid(ME, serial)
        with pytest.raises(Forbidden):
            await place.desk.reenrol(ME, csr(key), made)
        view = await place.desk.quarantine.lift(ME, "found again", "op")
        assert not view.quarantined
        assert not on_crl(place, serial)
        assert await place.desk.device_certificate_valid(ME, serial)
        assert await place.desk.reenrol(ME, csr(key), made)

    play(tmp_path, scene)


def test_a_certificate_that_was_revoked_for_itself_stays_revoked_when_the_quarantine_is_lifted(tmp_path: Path) -> None:
    async def scene(place: Bench) -> None:
        old = x509.load_der_x509_certificate(await place.enrol(ME)).serial_number
        await place.enrol(ME, token=await place.token(device_id=ME))
        await place.desk.quarantine.impose(ME, "x", "op")
        await place.desk.quarantine.lift(ME, "x", "op")
        assert on_crl(place, old)

    play(tmp_path, scene)


def test_each_is_one_line_however_often_it_is_said(tmp_path: Path) -> None:
    async def scene(place: Bench) -> None:
        await place.enrol(ME)
        for _ in range(2):
            await place.desk.quarantine.impose(ME, "x", "op")
        for _ in range(2):
            await place.desk.quarantine.lift(ME, "y", "op")
        lines = [(one.act, one.reason) for one in (await place.desk.audit(None, 9)).items if one.subject == ME]
        assert lines[:2] == [("device.unquarantine", "y"), ("device.quarantine", "x")]
        assert len(lines) == 3

    play(tmp_path, scene)


def test_an_unknown_device_is_named(tmp_path: Path) -> None:
    async def scene(place: Bench) -> None:
        with pytest.raises(NotFound, match="FLEET-9"):
            await place.desk.quarantine.impose("FLEET-9", "x", "op")

    play(tmp_path, scene)
