"""The rules over a real store: a site outage of 500 devices is one alert, and a restart changes nothing."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace
from sqlalchemy import insert

from pyv_fleet.core.alert_rules import BUILT_IN, AlertRule, Correlate, State, Threshold
from pyv_fleet.core.views import AlertRuleBody, AlertView
from pyv_fleet.core.words import AlertName, AlertState, DeviceCondition, Severity
from pyv_fleet.engine.alert_watch import AlertWatch
from pyv_fleet.engine.errors import Conflict, Invalid, NotFound
from pyv_fleet.engine.goldens import Goldens
from pyv_fleet.store import schema, status
from pyv_fleet.store.devices import DeviceRecord
from pyv_fleet.store.records import values_of
from pyv_fleet.store.status import StatusRecord
from pyvorin_edge.vocabulary import Connectivity
from running.bench import Bench, bench, said


async def people(made: Bench, count: int, site: str = "berlin") -> list[str]:
    """So many devices of a site, heard and well; laid straight into the store."""
    names = [f"{site}-{number:03}" for number in range(count)]
    async with made.database.begin() as connection:
        await connection.execute(insert(schema.devices), [values_of(_device(name, site)) for name in names])
        labels = [{"device_id": name, "label": "site", "value": site} for name in names]
        await connection.execute(insert(schema.device_labels), labels)
        await connection.execute(
            insert(schema.device_status), [values_of(StatusRecord(device_id=one)) for one in names]
        )
        known = await status.get_many(connection, names)
        here = [replace(one.status, connectivity=Connectivity.ONLINE, last_seen=made.time.ms) for one in known.values()]
        await status.save_many(connection, here)
    return names


def _device(name: str, site: str) -> DeviceRecord:
    return DeviceRecord(
        device_id=name, key_sha256="0" * 64, incarnation=1, quarantined=False, enrolled_at=0, channel="stable",
        labels={"site": site}, overlay={}, overlay_digest="0" * 64, pin=None, tz="UTC", min_generation=0, epoch=1,
        number=1, assignment=b"{}", published_at=None,
    )  # fmt: skip


async def tick(made: Bench, seconds: float = 0, watch: AlertWatch | None = None) -> None:
    made.time.forward(seconds)
    await (watch or made.engine.alert_watch).tick(listening=True)


async def firing(made: Bench) -> list[AlertView]:
    return list((await made.desk.alerting.page(None, 1000, state=AlertState.FIRING)).items)


async def be(made: Bench, names: Sequence[str], connectivity: Connectivity) -> None:
    """They are so now, and the watch is told as by the intake."""
    async with made.database.begin() as connection:
        known = await status.get_many(connection, names)
        now = [replace(one.status, connectivity=connectivity, last_seen=made.time.ms) for one in known.values()]
        await status.save_many(connection, now)
        known = await status.get_many(connection, names)
    made.engine.alert_watch.stored(known.values())


def test_a_site_outage_of_500_devices_is_one_alert(tmp_path: Path) -> None:
    async def run() -> None:
        async with bench(tmp_path) as made:
            site, other = await people(made, 500), await people(made, 20, "rome")
            await tick(made)
            await be(made, other[:2], Connectivity.OFFLINE)
            for first in range(0, 500, 25):  # the controller notices over twenty seconds
                await made.engine.intake.fell_silent(site[first : first + 25])
                await tick(made, 1)
            for _ in range(13):
                await tick(made, 10)
            alerts = await firing(made)
            assert {one.subject for one in alerts} == {"site=berlin", *other[:2]}
            outage = next(one for one in alerts if one.subject == "site=berlin")
            assert outage.detail == "500 of 500 devices with site=berlin: it is offline or lost"
            assert (outage.severity, outage.labels, outage.device_id) == (Severity.CRITICAL, {"site": "berlin"}, None)

            again = AlertWatch(made.engine.desk._parts.ground, Goldens(), made.engine.alerting, lambda: 0)
            await tick(made, 60, again)  # another controller on the same store
            assert {one.id for one in await firing(made)} == {one.id for one in alerts}

            await be(made, site[:499], Connectivity.ONLINE)
            await tick(made)
            await tick(made, 31)
            assert {one.subject for one in await firing(made)} == {site[499], *other[:2]}
            await be(made, [site[499], *other], Connectivity.ONLINE)
            await tick(made)
            await tick(made, 31)
            assert await firing(made) == []
            assert (await made.desk.alerting.page(None, 9)).total == 4  # in all of it

    asyncio.run(run())


def health(depth: int, failure: str | None = None) -> dict[str, Any]:
    cloud = {"queue_depth": depth} | ({"last_failure": failure, "last_error": "answered 401"} if failure else {})
    return {"status": "healthy", "cloud": cloud, "metrics": {"cpu_percent": 20.0}}


def test_a_deep_queue_is_an_alert_with_its_cause_and_ends_below_the_lower_limit(tmp_path: Path) -> None:
    async def run() -> None:
        async with bench(tmp_path) as made:
            await made.enrol("dev-a")
            await made.heard(said("dev-a", seq=1, health=health(6000, "key")))
            await tick(made)
            await made.heard(said("dev-a", seq=2, health=health(6100, "key")))
            await tick(made, 61)
            (alert,) = await firing(made)
            assert (alert.name, alert.device_id, alert.code) == ("queue_depth", "dev-a", "api_key")
            assert "queue_depth is 6100, above 5000" in alert.detail
            for seq, depth in enumerate((4999, 5001, 4500), 3):  # within the band it trembles
                await made.heard(said("dev-a", seq=seq, health=health(depth)))
                await tick(made, 61)
            assert [one.id for one in await firing(made)] == [alert.id]
            await made.heard(said("dev-a", seq=6, health=health(3000)))
            await tick(made)
            await made.heard(said("dev-a", seq=7, health=health(100)))
            await tick(made, 61)
            assert await firing(made) == []

    asyncio.run(run())


def test_what_no_longer_holds_is_resolved_by_time_alone_and_nothing_is_made_of_silence(tmp_path: Path) -> None:
    async def run() -> None:
        async with bench(tmp_path) as made:
            await made.enrol("dev-a")
            await made.enrol("dev-b")  # never heard: no alert
            await made.heard(said("dev-a", seq=1, health=health(6000)))
            for _ in range(3):
                await tick(made, 61)
            (alert,) = await firing(made)
            assert (alert.device_id, alert.code) == ("dev-a", "too_slow")
            made.engine.reception.disconnected()
            await made.engine.alert_watch.tick(listening=False)
            made.time.forward(10_000)
            await made.engine.alert_watch.tick(listening=False)
            assert [one.id for one in await firing(made)] == [alert.id]

    asyncio.run(run())


MINE = AlertRule(when=Threshold(figure="cpu_percent", above=10), severity=Severity.INFO)


def test_a_rule_of_one_s_own_is_in_force_at_once_and_its_alerts_go_with_it(tmp_path: Path) -> None:
    async def run() -> None:
        async with bench(tmp_path) as made:
            await made.enrol("dev-a")
            await made.heard(said("dev-a", seq=1, health=health(1)))
            body = AlertRuleBody(rule=MINE, reason="test")
            view = await made.desk.alert_rules.put("warm", body, "anna")
            assert (view.built_in, view.firing, view.changed_by) == (False, 1, "anna")
            (alert,) = await firing(made)
            assert (alert.name, alert.severity, alert.subject) == ("warm", Severity.INFO, "dev-a")
            assert (await made.desk.alert_rules.put("warm", body, "bert")).changed_by == "anna"  # it was so already
            await made.desk.alert_rules.delete("warm", "done", "anna")
            assert await firing(made) == []
            with pytest.raises(NotFound):
                await made.desk.alert_rules.get("warm")
            acts = [one.act for one in (await made.desk.audit(None, 9)).items]
            assert acts[:2] == ["alert_rule.delete", "alert_rule.set"]

    asyncio.run(run())


def test_a_built_in_rule_can_be_replaced_switched_off_and_had_back(tmp_path: Path) -> None:
    async def run() -> None:
        async with bench(tmp_path) as made:
            off = replace(BUILT_IN["cpu"], enabled=False)
            assert not (
                await made.desk.alert_rules.put("cpu", AlertRuleBody(rule=off, reason="r"), "anna")
            ).rule.enabled
            await made.desk.alert_rules.delete("cpu", "r", "anna")
            assert (await made.desk.alert_rules.get("cpu")).rule == BUILT_IN["cpu"]
            with pytest.raises(Conflict, match="enabled = false"):
                await made.desk.alert_rules.delete("cpu", "r", "anna")
            with pytest.raises(Conflict, match="own"):
                await made.desk.alert_rules.put(AlertName.BROKER, AlertRuleBody(rule=MINE, reason="r"), "anna")
            bad = AlertRule(when=Threshold(figure="cpu_percent"))
            with pytest.raises(Invalid, match="above"):
                await made.desk.alert_rules.put("mine", AlertRuleBody(rule=bad, reason="r"), "anna")
            assert [one.name for one in await made.desk.alert_rules.every()] == sorted(BUILT_IN)

    asyncio.run(run())


def test_an_update_that_is_late_or_failed_is_an_alert_of_what_is_ordered(tmp_path: Path) -> None:
    async def run() -> None:
        async with bench(tmp_path) as made:
            await made.enrol("dev-a")
            await made.heard(said("dev-a", seq=1, health=health(1)))
            digest = await made.release("1.0")
            await made.order(digest)
            watch = made.engine.alert_watch
            await watch.look_at_updates()
            assert await firing(made) == []
            for _ in range(2):
                made.time.forward(16 * 60)
                await made.heard(said("dev-a", seq=made.time.ms // 1000, health=health(1)))
                await watch.look_at_updates()
            (alert,) = await firing(made)
            assert (alert.name, alert.device_id) == ("update_overdue", "dev-a")
            await made.heard(_took("dev-a", digest, made.time.ms))
            await watch.look_at_updates()
            assert await firing(made) == []

    asyncio.run(run())


def _took(device_id: str, digest: str, seq: int) -> tuple[str, bytes]:
    from pyvorin_edge.identity import Digest
    from pyvorin_edge.orders import EMPTY_OVERLAY
    from pyvorin_edge.report import Result
    from pyvorin_edge.vocabulary import Outcome

    result = Result(
        release=Digest(digest), overlay=EMPTY_OVERLAY, attempt=1, outcome=Outcome.COMMITTED, code=None, detail="", at=1
    )
    return said(device_id, seq=seq, health=health(1), result=result)


def test_a_group_may_be_any_label_and_a_rule_without_one_raises_each(tmp_path: Path) -> None:
    async def run() -> None:
        async with bench(tmp_path) as made:
            site = await people(made, 6)
            rule = AlertRule(when=State(state=DeviceCondition.OFFLINE), correlate=Correlate(label="floor"))
            await made.desk.alert_rules.put("gone", AlertRuleBody(rule=rule, reason="r"), "anna")
            await made.desk.alert_rules.put(
                "gone_alone", AlertRuleBody(rule=replace(rule, correlate=None), reason="r"), "anna"
            )
            await be(made, site, Connectivity.OFFLINE)
            await tick(made)
            found = [(one.name, one.subject) for one in await firing(made)]
            assert sorted(found) == sorted([("gone", "floor="), *(("gone_alone", one) for one in site)])

    asyncio.run(run())
