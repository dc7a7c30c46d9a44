"""Who comes in, who does not, and what a device is told (PROTOCOL 2)."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from pyv_fleet.engine.errors import Forbidden, Invalid, NotFound, TooMany, Unauthorised
from pyv_fleet.trust import certificates
from pyvorin_edge.envelope import open_envelope
from pyvorin_edge.orders import Assignment, decode_order
from running.bench import Bench, bench, csr


def play(path: Path, scene: Callable[[Bench], Awaitable[None]]) -> None:
    async def run() -> None:
        async with bench(path) as place:
            await scene(place)

    asyncio.run(run())


def serial(der: bytes) -> int:
    return x509.load_der_x509_certificate(der).serial_number


async def firing(place: Bench) -> list[str]:
    return [one.name for one in (await place.desk.alerting.page(None, 100)).items if one.state == "firing"]


def test_a_device_joins_with_the_labels_of_its_token(tmp_path: Path) -> None:
    async def scene(place: Bench) -> None:
        token = await place.token(labels={"site": "berlin"}, channel="stable")
        der = await place.enrol("dev-a", token)
        directive = await place.order(await place.release("1.0"))
        join = await place.desk.join("dev-a", serial(der))
        assignment = decode_order(open_envelope(join.assignment.encode()).payload, Assignment)
        assert (assignment.labels, assignment.channel, assignment.device_id) == ({"site": "berlin"}, "stable", "dev-a")
        assert (join.incarnation, join.epoch, join.generation) == (1, 1, directive.generation)
        assert (len(join.trust), join.number, join.link.mqtt) == (1, assignment.number, ("mqtt.test:8883",))
        assert "pyvorin/fleet/v1/device/dev-a/assignment" in place.ledger.retained
        assert await place.desk.device_certificate_valid("dev-a", serial(der))
        assert not await place.desk.device_certificate_valid("dev-b", serial(der))

    play(tmp_path, scene)


def test_a_token_admits_as_often_as_it_may_and_the_same_key_costs_nothing(tmp_path: Path) -> None:
    async def scene(place: Bench) -> None:
        token, key = await place.token(uses=2), certificates.new_key()
        first = await place.enrol("dev-a", token, key)
        again = await place.enrol("dev-a", token, key)
        assert serial(first) != serial(again)
        await place.enrol("dev-b", token)
        with pytest.raises(Forbidden, match="as often as it may"):
            await place.enrol("dev-c", token)

    play(tmp_path, scene)


def test_another_key_for_a_known_id_is_refused_with_an_alert(tmp_path: Path) -> None:
    async def scene(place: Bench) -> None:
        token = await place.token(uses=5)
        der = await place.enrol("dev-a", token)
        with pytest.raises(Forbidden, match="another key"):
            await place.enrol("dev-a", token)
        assert await firing(place) == ["enrolment_refused"]
        assert await place.desk.device_certificate_valid("dev-a", serial(der))

    play(tmp_path, scene)


def test_a_reflashed_card_with_a_token_of_its_own_replaces_the_key(tmp_path: Path) -> None:
    async def scene(place: Bench) -> None:
        old = await place.enrol("dev-a", await place.token(labels={"site": "berlin"}))
        new = await place.enrol("dev-a", await place.token(device_id="dev-a"))
        assert not await place.desk.device_certificate_valid("dev-a", serial(old))
        join = await place.desk.join("dev-a", serial(new))
        assert join.incarnation == 2
        assert (await place.desk.device("dev-a")).labels == {"site": "berlin"}
        with pytest.raises(Forbidden):
            await place.desk.join("dev-a", serial(old))
        crl = x509.load_pem_x509_crl(place.authority.places.device_crl.read_bytes())
        assert crl.get_revoked_certificate_by_serial_number(serial(old)) is not None

    play(tmp_path, scene)


def test_a_certificate_renews_with_its_own_key_alone(tmp_path: Path) -> None:
    async def scene(place: Bench) -> None:
        key = certificates.new_key()
        der = await place.enrol("dev-a", key=key)
        renewed = await place.desk.reenrol("dev-a", csr(key), der)
        assert await place.desk.device_certificate_valid("dev-a", serial(renewed))
        with pytest.raises(Forbidden):
            await place.desk.reenrol("dev-a", csr(certificates.new_key()), der)
        stranger = certificates.self_signed(
            "dev-a", key, serial=1, now=datetime.now(UTC), life=certificates.BACKDATED * 9
        )
        with pytest.raises(Forbidden):
            await place.desk.reenrol("dev-a", csr(key), stranger.certificate.public_bytes(Encoding.DER))

    play(tmp_path, scene)


@pytest.mark.parametrize("device_id", ["", "a/b", "@controller", "pyvorin.canary", "x" * 65])
def test_ids_out_of_form_get_nothing(tmp_path: Path, device_id: str) -> None:
    async def scene(place: Bench) -> None:
        with pytest.raises(Invalid):
            await place.enrol(device_id)

    play(tmp_path, scene)


def test_guessing_tokens_is_slow(tmp_path: Path) -> None:
    async def scene(place: Bench) -> None:
        for _ in range(20):
            with pytest.raises(Unauthorised):
                await place.enrol("dev-a", "pyv1.wrong")
        good = await place.token()
        with pytest.raises(TooMany):
            await place.enrol("dev-a", good)
        place.time.forward(61)
        await place.enrol("dev-a", good)

    play(tmp_path, scene)


def test_tokens_out_of_form_are_refused(tmp_path: Path) -> None:
    async def scene(place: Bench) -> None:
        with pytest.raises(NotFound, match="nowhere"):
            await place.token(channel="nowhere")
        with pytest.raises(Invalid, match="label"):
            await place.token(labels={"a b": "c"})

    play(tmp_path, scene)
