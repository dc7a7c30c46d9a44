"""What a device is told for itself: checked first, signed once, said once in the audit log."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

from pyv_fleet.core.views import AssignmentView, ChannelBody, DevicePatch, PinBody
from pyv_fleet.engine.errors import Conflict, FleetError, Invalid, NotFound
from pyv_fleet.store import releases, status
from pyv_fleet.trust.root_document import next_root
from pyvorin_edge import topics
from pyvorin_edge.envelope import open_envelope
from pyvorin_edge.orders import Assignment, decode_order, overlay_digest
from running.bench import Bench, bench, said

ME = "FLEET-1"
CONFIG = b'[logging]\nlevel = "INFO"\n'
DEBUG = {"logging": {"level": "DEBUG"}}


def play(path: Path, scene: Callable[[Bench], Awaitable[None]]) -> None:
    async def run() -> None:
        async with bench(path) as place:
            await place.enrol(ME)
            await scene(place)

    asyncio.run(run())


async def change(place: Bench, **patch: Any) -> AssignmentView:
    return await place.desk.assignments.change(ME, DevicePatch(reason="ticket 4711", **patch), "op")


def told(place: Bench) -> Assignment:
    """What the broker holds for the device."""
    return decode_order(open_envelope(place.ledger.retained[topics.assignment(ME)]).payload, Assignment)


async def golden(place: Bench, version: str = "1.0", **terms: Any) -> str:
    digest = await place.release(version, CONFIG, open_pointers=("/logging",), **terms)
    await place.order(digest)
    return digest


def test_what_is_set_is_signed_published_and_shown_and_others_stay(tmp_path: Path) -> None:
    async def scene(place: Bench) -> None:
        await golden(place)
        await change(place, labels={"site": "berlin", "kind": "real"}, tz="Europe/Berlin")
        view = await change(place, labels={"kind": None}, overlay=DEBUG)
        order = told(place)
        assert (order.labels, order.tz, order.overlay) == ({"site": "berlin"}, "Europe/Berlin", DEBUG)
        assert (view.labels, view.tz, view.overlay, view.published, view.heard) == (
            {"site": "berlin"}, "Europe/Berlin", DEBUG, True, False,
        )  # fmt: skip
        device = await place.desk.device(ME)
        assert (device.overlay, device.tz, device.labels) == (("/logging/level",), "Europe/Berlin", {"site": "berlin"})

    play(tmp_path, scene)


def test_the_same_again_signs_nothing_and_writes_no_line(tmp_path: Path) -> None:
    async def scene(place: Bench) -> None:
        digest = await golden(place)
        patch = {"labels": {"a": "b"}, "overlay": DEBUG, "pin": PinBody(release="1.0"), "tz": "Asia/Tokyo"}
        first = await change(place, **patch)
        lines = (await place.desk.audit(None, 99)).total
        again = await change(place, **{**patch, "pin": PinBody(release=digest)})
        assert again == first
        assert (await place.desk.audit(None, 99)).total == lines

    play(tmp_path, scene)


def test_each_change_is_one_line_with_its_reason_and_no_value_of_an_overlay(tmp_path: Path) -> None:
    async def scene(place: Bench) -> None:
        await golden(place)
        await change(place, labels={"a": "b"}, overlay=DEBUG)
        line = (await place.desk.audit(None, 1)).items[0]
        assert (line.act, line.actor, line.reason) == ("device.assign", "op", "ticket 4711")
        assert line.subject == f"{ME} a=b, overlay of /logging/level"

    play(tmp_path, scene)


def test_the_golden_hash_of_an_overlay_is_kept_when_it_is_set(tmp_path: Path) -> None:
    async def scene(place: Bench) -> None:
        digest = await golden(place)
        await change(place, overlay=DEBUG)
        async with place.database.read() as connection:
            assert await releases.get_golden(connection, digest, overlay_digest(DEBUG)) is not None

    play(tmp_path, scene)


@pytest.mark.parametrize(
    ("patch", "kind", "named"),
    [
        ({"channel": "nope"}, NotFound, "pyv-fleet channel set NAME"),
        ({"pin": PinBody(release="9.9")}, NotFound, "neither a version nor a digest"),
        ({"labels": {"a b": "c"}}, Invalid, "write key=value"),
        ({"labels": {f"k{n}": "v" for n in range(17)}}, Invalid, "at most 16"),
        ({"tz": "Mars/Olympus"}, Invalid, "Europe/Berlin"),
        ({"tz": "../../etc/passwd"}, Invalid, "no time zone"),
        ({"overlay": {"health": {"port": 1}}}, Invalid, "/health/port: release 1.0 opens /logging"),
        ({"overlay": {"logging": {"level": "LOUD"}}}, Invalid, "/logging/level"),
        ({"if_number": 1, "tz": "Asia/Tokyo"}, Conflict, "look at it again"),
    ],
)
def test_what_cannot_be_obeyed_is_refused_whole(
    tmp_path: Path, patch: dict[str, Any], kind: type[FleetError], named: str
) -> None:
    async def scene(place: Bench) -> None:
        await golden(place)
        before = await place.desk.assignments.get(ME)
        with pytest.raises(kind, match=named):
            await change(place, **{"labels": {"good": "yes"}, **patch})
        assert await place.desk.assignments.get(ME) == before

    play(tmp_path, scene)


def test_an_overlay_too_large_or_too_deep_for_an_order_is_refused(tmp_path: Path) -> None:
    async def scene(place: Bench) -> None:
        before = await place.desk.assignments.get(ME)
        deep: dict[str, Any] = {"a": 1}
        for _ in range(20):
            deep = {"a": deep}
        for overlay in (deep, {"a": "x" * 9000}):
            with pytest.raises(Invalid):
                await change(place, overlay=overlay)
        assert await place.desk.assignments.get(ME) == before

    play(tmp_path, scene)


def test_an_overlay_must_fit_every_release_that_a_rule_names(tmp_path: Path) -> None:
    async def scene(place: Bench) -> None:
        await golden(place, "1.0")
        closed = await place.release("2.0", CONFIG)
        await change(place, overlay=DEBUG)
        with pytest.raises(Invalid, match="opens nothing"):
            await change(place, pin=PinBody(release=closed))
        await place.order(closed)
        with pytest.raises(Invalid, match="opens nothing"):
            await change(place, overlay={"logging": {"level": "ERROR"}})
        assert (await change(place, overlay={})).overlay == {}

    play(tmp_path, scene)


def test_a_pin_names_a_new_attempt_and_its_release_goes_out_before_it(tmp_path: Path) -> None:
    async def scene(place: Bench) -> None:
        await golden(place, "1.0")
        old = await place.release("0.9", CONFIG)
        for number in range(6):  # so that 0.9 is none of the newest five
            place.time.forward(1)
            await place.release(f"1.{number + 1}", CONFIG)
        view = await change(place, pin=PinBody(release="0.9", at_once=True))
        pin = told(place).pin
        assert pin is not None
        assert (pin.release, pin.attempt, pin.kind) == (old, 1, "rollback")
        assert view.pin is not None
        assert view.pin.version == "0.9"
        assert topics.release(old) in place.ledger.retained
        await change(place, pin=None)
        assert told(place).pin is None
        await change(place, pin=PinBody(release="0.9"))
        pin = told(place).pin
        assert pin is not None
        assert (pin.attempt, pin.kind) == (2, "release")

    play(tmp_path, scene)


def test_a_release_below_a_floor_is_no_pin(tmp_path: Path) -> None:
    async def scene(place: Bench) -> None:
        await golden(place)
        await place.heard(said(ME, floor=5))
        with pytest.raises(Conflict, match="below the device's floor"):
            await change(place, pin=PinBody(release="1.0"))

    play(tmp_path, scene)


def test_a_device_that_moves_waits_for_the_order_that_its_new_channel_has_now(tmp_path: Path) -> None:
    async def scene(place: Bench) -> None:
        await place.desk.put_channel("beta", ChannelBody(), "op")
        assert (await change(place, channel="beta")).min_generation == 0
        await golden(place)
        now = await place.desk.channel("stable")
        assert (await change(place, channel="stable")).min_generation == now.generation
        assert (await change(place, labels={"a": "b"})).min_generation == now.generation
        order = told(place)
        assert (order.channel, order.min_generation) == ("stable", now.generation)

    play(tmp_path, scene)


def test_a_new_epoch_forgets_the_generation_that_a_device_waits_for(tmp_path: Path) -> None:
    async def scene(place: Bench) -> None:
        await place.desk.put_channel("beta", ChannelBody(), "op")
        await golden(place)
        await change(place, channel="beta")
        await change(place, channel="stable")
        following = next_root(await place.desk.trust_document(1), place.terms(2), [place.root_key])
        await place.desk.put_trust(2, following, "op")
        assert (told(place).epoch, told(place).min_generation) == (2, 0)

    play(tmp_path, scene)


def test_an_overlay_that_was_set_counts_for_what_the_device_should_run(tmp_path: Path) -> None:
    async def scene(place: Bench) -> None:
        await golden(place)
        plain = (await place.desk.device(ME)).drift.golden_hash
        await change(place, overlay=DEBUG)
        assert (await place.desk.device(ME)).drift.golden_hash not in (None, plain)

    play(tmp_path, scene)


def test_the_device_says_when_it_has_it(tmp_path: Path) -> None:
    async def scene(place: Bench) -> None:
        number = (await change(place, labels={"a": "b"})).number
        await place.heard(said(ME, number=number))
        assert (await place.desk.assignments.get(ME)).heard
        async with place.database.read() as connection:
            known = await status.get(connection, ME)
        assert known is not None
        assert known.status.number == number

    play(tmp_path, scene)


def test_an_unknown_device_is_named(tmp_path: Path) -> None:
    async def scene(place: Bench) -> None:
        with pytest.raises(NotFound, match="FLEET-9"):
            await place.desk.assignments.get("FLEET-9")

    play(tmp_path, scene)
