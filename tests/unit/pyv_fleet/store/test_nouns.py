"""What is put into the store comes out the same, by the key it is asked for."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path

from msgspec.structs import replace
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from pyv_fleet.core.words import AlertState, AuthScope, RolloutState, Verdict, WaveState
from pyv_fleet.store import (
    alerts,
    audit,
    certificates,
    channels,
    devices,
    fleet,
    idempotency,
    ingest,
    orders,
    releases,
    requests,
    rollbacks,
    rollouts,
    status,
    tokens,
)
from pyv_fleet.store.alerts import AlertRecord
from pyv_fleet.store.certificates import CertificateRecord
from pyv_fleet.store.channels import ChannelRecord
from pyv_fleet.store.database import Database
from pyv_fleet.store.devices import DeviceRecord
from pyv_fleet.store.idempotency import AnswerRecord
from pyv_fleet.store.orders import DirectiveRecord
from pyv_fleet.store.records import sortable_id
from pyv_fleet.store.releases import ReleaseRecord
from pyv_fleet.store.requests import RequestRecord
from pyv_fleet.store.rollbacks import AckRecord, RollbackRecord, RollbackTarget
from pyv_fleet.store.rollouts import MemberRecord, RolloutRecord, WaveRecord
from pyv_fleet.store.status import Filter, StatusRecord
from pyv_fleet.store.tokens import ApiTokenRecord, TokenRecord
from pyvorin_edge.identity import Digest
from pyvorin_edge.orders import EMPTY_OVERLAY, Rule
from pyvorin_edge.vocabulary import (
    ConfigFormat,
    Connectivity,
    DriftKind,
    DriftPolicy,
    HealthStatus,
    Outcome,
    Phase,
    RuleKind,
    Standing,
    Verb,
)

Scene = Callable[[AsyncConnection], Awaitable[None]]
DIGEST = Digest("d" * 64)
DEVICE = DeviceRecord(
    device_id="dev-a",
    key_sha256="k" * 64,
    incarnation=1,
    quarantined=False,
    enrolled_at=5,
    channel="stable",
    labels={"kind": "real", "site": "berlin"},
    overlay={"logging": {"level": "DEBUG", "more": [1, 2.5, None]}},
    overlay_digest=EMPTY_OVERLAY,
    pin={"release": DIGEST, "attempt": 1, "kind": "release"},
    tz="UTC",
    min_generation=0,
    epoch=1,
    number=2**53,
    assignment=b"\x00envelope",
    published_at=None,
)


def in_store(path: Path, scene: Scene) -> None:
    async def run() -> None:
        database = await Database.open(f"sqlite+aiosqlite:///{path / 'fleet.db'}")
        async with database.begin() as connection:
            await scene(connection)
        await database.close()

    asyncio.run(run())


async def enrol(connection: AsyncConnection, device_id: str, **changes: object) -> None:
    await devices.save(connection, replace(DEVICE, device_id=device_id, **changes))
    await status.add_blank(connection, device_id)


def test_fleet_is_founded_once_and_orders_never_share_a_time(tmp_path: Path) -> None:
    async def scene(connection: AsyncConnection) -> None:
        assert await fleet.get(connection) is None
        first = await fleet.found(connection, "demo", "a" * 64, 7)
        assert await fleet.found(connection, "other", "b" * 64, 8) == first
        times = [await fleet.next_issued_at(connection, now) for now in (100, 100, 50, 200)]
        assert times == [100, 101, 102, 200]

    in_store(tmp_path, scene)


def test_devices_and_what_they_say(tmp_path: Path) -> None:
    said = StatusRecord(
        device_id="dev-a",
        connectivity=Connectivity.ONLINE,
        last_seen=2**41,
        boot=3,
        phase=Phase.PROVING,
        result_outcome=Outcome.REJECTED,
        standing=Standing.BOTH,
        drift_kinds=(DriftKind.EDITED, DriftKind.ENVIRONMENT),
        drift_paths=("/a/b",),
        health_status=HealthStatus.DEGRADED,
        health={"status": "degraded", "ünï": [1, {"x": None}]},
        cpu_percent=1.5,
        refused={"order": "directive"},
    )

    async def scene(connection: AsyncConnection) -> None:
        await enrol(connection, "dev-a")
        await enrol(connection, "dev-b", labels={"kind": "simulated"}, pin=None, channel="beta")
        assert await devices.get(connection, "dev-a") == DEVICE
        await status.save_many(connection, [said])
        known = await status.get(connection, "dev-a")
        assert known is not None
        assert (known.device, known.status) == (DEVICE, said)
        await status.add_blank(connection, "dev-a")
        assert (await status.get_many(connection, ["dev-a", "nobody"]))["dev-a"].status == said
        assert await devices.pinned_releases(connection) == {DIGEST}
        assert (await devices.count(connection), await devices.count(connection, "beta")) == (2, 1)

    in_store(tmp_path, scene)


def test_devices_are_found_by_each_fact_and_paged_by_id(tmp_path: Path) -> None:
    async def scene(connection: AsyncConnection) -> None:
        for number in range(5):
            await enrol(connection, f"dev-{number}", labels={"site": "a" if number < 3 else "b", "n": str(number)})
        await status.save_many(
            connection, [StatusRecord(device_id="dev-1", connectivity=Connectivity.ONLINE, standing=Standing.DRIFTED)]
        )

        async def found(**wanted: object) -> list[str]:
            return [one.device.device_id for one in await status.find(connection, Filter(**wanted))]  # type: ignore[arg-type]

        assert await found(labels={"site": "b"}) == ["dev-3", "dev-4"]
        assert await found(labels={"site": "b", "n": "1"}) == []
        assert await found(connectivity=Connectivity.ONLINE) == ["dev-1"]
        assert await found(standings=(Standing.DRIFTED, Standing.BOTH)) == ["dev-1"]
        assert await found(channel="beta") == []
        page, more, total = await status.find_page(connection, Filter(), "dev-1", 2)
        assert ([one.device.device_id for one in page], more, total) == (["dev-2", "dev-3"], True, 5)
        page, more, total = await status.find_page(connection, Filter(), "dev-3", 2)
        assert ([one.device.device_id for one in page], more, total) == (["dev-4"], False, 5)

    in_store(tmp_path, scene)


def test_silence_is_found_by_channel_among_those_online(tmp_path: Path) -> None:
    async def scene(connection: AsyncConnection) -> None:
        for name, seen, word in (("a", 10, "online"), ("b", 30, "online"), ("c", 10, "offline")):
            await enrol(connection, name)
            said = StatusRecord(device_id=name, last_seen=seen)
            connectivity = Connectivity.ONLINE if word == "online" else Connectivity.OFFLINE
            await status.save_many(connection, [replace(said, connectivity=connectivity)])
        assert [one.device_id for one in await status.silent_since(connection, 20, "stable")] == ["a"]
        assert await status.silent_since(connection, 20, "beta") == []

    in_store(tmp_path, scene)


def test_an_assignment_confirmed_late_does_not_hide_a_newer_one(tmp_path: Path) -> None:
    async def scene(connection: AsyncConnection) -> None:
        await enrol(connection, "dev-a")
        await devices.mark_published(connection, "dev-a", 1, 9)
        assert [one.device_id for one in await devices.unpublished(connection)] == ["dev-a"]
        await devices.mark_published(connection, "dev-a", DEVICE.number, 9)
        assert await devices.unpublished(connection) == []

    in_store(tmp_path, scene)


def test_releases_blobs_goldens_and_attempts(tmp_path: Path) -> None:
    made = ReleaseRecord(
        digest=DIGEST,
        version="1.0",
        envelope=b"e",
        config_sha256="c" * 64,
        format=ConfigFormat.TOML,
        golden_hash="f" * 64,
        security=1,
        floor=0,
        attempt=0,
        published_at=5,
        published_by="test",
    )

    async def scene(connection: AsyncConnection) -> None:
        await releases.put(connection, made, b"config")
        await releases.put(connection, replace(made, digest="e" * 64, version="1.1", published_at=6), b"config")
        assert await releases.get(connection, "1.0") == await releases.get(connection, DIGEST) == made
        assert await releases.get_blob(connection, "c" * 64) == b"config"
        assert [one.version for one in await releases.newest(connection, 1)] == ["1.1"]
        assert [await releases.next_attempt(connection, DIGEST) for _ in range(2)] == [1, 2]
        await releases.raise_attempt(connection, DIGEST, 9)
        await releases.raise_attempt(connection, DIGEST, 3)
        assert await releases.next_attempt(connection, DIGEST) == 10
        await releases.put_golden(connection, DIGEST, EMPTY_OVERLAY, "1" * 64)
        await releases.put_golden(connection, DIGEST, EMPTY_OVERLAY, "2" * 64)
        assert await releases.get_golden(connection, DIGEST, EMPTY_OVERLAY) == "1" * 64

    in_store(tmp_path, scene)


def test_the_current_directive_is_of_the_highest_epoch_and_generation(tmp_path: Path) -> None:
    rule = Rule(kind=RuleKind.ROLLBACK, release=DIGEST, attempt=3, where={"kind": ("real",)}, salt="s", below="f" * 16)

    def made(epoch: int, generation: int) -> DirectiveRecord:
        return DirectiveRecord(
            channel="stable",
            epoch=epoch,
            generation=generation,
            envelope=b"e",
            payload_sha256="0" * 64,
            rules=(rule,),
            reason="r",
            issued_by="i",
            issued_at=1,
            expires_at=2,
        )

    async def scene(connection: AsyncConnection) -> None:
        assert await orders.current(connection, "stable") is None
        for epoch, generation in ((1, 2**63 - 1), (2, 5), (2, 4)):
            await orders.put(connection, made(epoch, generation))
        assert await orders.current(connection, "stable") == made(2, 5)
        assert await orders.current_all(connection) == {"stable": made(2, 5)}
        assert [one.generation for one in await orders.history(connection, "stable", 2)] == [5, 4]
        await orders.mark_published(connection, made(2, 5), 77)
        assert await orders.at(connection, "stable", 2, 5) == replace(made(2, 5), published_at=77)

    in_store(tmp_path, scene)


def test_rollouts_waves_and_members(tmp_path: Path) -> None:
    made = RolloutRecord(
        id=sortable_id(1, b"\x01"),
        channel="stable",
        release=DIGEST,
        baseline=None,
        state=RolloutState.ROLLING,
        wave=0,
        spec={"a": 1},
        machine={"b": [1]},
        because="",
        reason="r",
        created_by="t",
        created_at=1,
    )
    wave = WaveRecord(rollout_id=made.id, wave=0, cohort="1%", rule={"below": "f"}, tally={"x": 1})

    async def scene(connection: AsyncConnection) -> None:
        await rollouts.save(connection, made)
        await rollouts.save_wave(connection, wave)
        judged = replace(wave, state=WaveState.JUDGED, verdict=Verdict.GOOD, judged_at=9)
        await rollouts.save_wave(connection, judged)
        assert await rollouts.waves_of(connection, made.id) == [judged]
        members = [MemberRecord(rollout_id=made.id, wave=0, device_id=name, online=True) for name in ("a", "b")]
        await rollouts.freeze_members(connection, members)
        await rollouts.set_outcomes(connection, made.id, 0, {"b": "committed"})
        assert [one.outcome for one in await rollouts.members_of(connection, made.id, 0)] == [None, "committed"]
        assert await rollouts.rollouts_with(connection, ["b"]) == {made.id}
        assert await rollouts.open_ones(connection, "stable") == [made]
        await rollouts.save(connection, replace(made, state=RolloutState.COMPLETED, ended_at=3))
        assert await rollouts.open_ones(connection) == []
        assert await rollouts.rollouts_with(connection, ["b"]) == set()

    in_store(tmp_path, scene)


def test_rollbacks_are_acknowledged_once(tmp_path: Path) -> None:
    made = RollbackRecord(
        id="r1",
        to_version="1.0",
        targets={"stable": RollbackTarget(release=DIGEST, epoch=1, generation=2)},
        reason="r",
        created_by="t",
        started_at=1,
    )

    async def scene(connection: AsyncConnection) -> None:
        ack = AckRecord(rollback_id="r1", device_id="a", channel="stable", online=True)
        await rollbacks.put(connection, made, [ack])
        await rollbacks.acknowledge(connection, "r1", ["a"], 5)
        await rollbacks.acknowledge(connection, "r1", ["a"], 9)
        assert await rollbacks.acks_of(connection, "r1") == [replace(ack, acknowledged_at=5)]
        assert await rollbacks.open_ones(connection) == [made]
        await rollbacks.close(connection, "r1", 10, {})
        assert await rollbacks.open_ones(connection) == []
        assert await rollbacks.newest(connection) == replace(made, done_at=10)

    in_store(tmp_path, scene)


def test_the_audit_log_shows_what_was_changed_or_taken_out(tmp_path: Path) -> None:
    async def scene(connection: AsyncConnection) -> None:
        for number in range(5):
            await audit.append(connection, now_ms=number, actor="a", act="x.y", subject=str(number), reason="ü")
        assert (await audit.checked(connection)).broken is None
        head = (await audit.checked(connection)).head
        lines, more, total = await audit.find_page(connection, "4", 2)
        assert ([line.seq for line in lines], more, total) == ([3, 2], True, 5)
        await connection.execute(text("UPDATE audit SET reason = 'other' WHERE seq = 3"))
        assert (await audit.checked(connection)).broken == 3
        await connection.execute(text("UPDATE audit SET reason = 'ü' WHERE seq = 3"))
        await connection.execute(text("DELETE FROM audit WHERE seq = 2"))
        assert (await audit.checked(connection)).broken == 2
        await connection.execute(text("DELETE FROM audit"))
        await audit.append(connection, now_ms=1, actor="a", act="x.y", subject="0", reason="ü")
        assert (await audit.checked(connection)).broken is None
        assert (await audit.checked(connection, head)).broken == 2
        assert (await audit.checked(connection, audit.Head(1, "f" * 64))).broken == 1

    in_store(tmp_path, scene)


def test_tokens_are_used_up(tmp_path: Path) -> None:
    token = TokenRecord(token_id="t", sha256="s", channel="stable", labels={"a": "b"}, uses_left=2, expires_at=9)
    key = ApiTokenRecord(token_id="k", sha256="x", name="ci", scope=AuthScope.OPERATE)

    async def scene(connection: AsyncConnection) -> None:
        await tokens.put_enrolment(connection, token, 1, "test")
        assert [await tokens.use(connection, "t", 1) for _ in range(3)] == [True, True, False]
        assert await tokens.enrolment_of(connection, "s") == replace(token, uses_left=0)
        assert await tokens.use(connection, "t", 0)
        await tokens.put_api(connection, key, 1)
        assert await tokens.api_token_of(connection, "x") == key
        assert await tokens.api_tokens_all(connection) == [key]

    in_store(tmp_path, scene)


def test_revoked_certificates_stay_listed_while_they_could_be_renewed(tmp_path: Path) -> None:
    def made(serial: str, expires_at: int) -> CertificateRecord:
        return CertificateRecord(serial=serial, device_id="dev-a", key_sha256="k", issued_at=0, expires_at=expires_at)

    async def scene(connection: AsyncConnection) -> None:
        await enrol(connection, "dev-a")
        for serial, expires_at in (("1", 100), ("2", 1000)):
            await certificates.put(connection, made(serial, expires_at))
        assert await certificates.revoke_all_of(connection, "dev-a", 50) == 2
        assert await certificates.revoke_all_of(connection, "dev-a", 60) == 0
        assert [one.serial for one in await certificates.revoked(connection, 500, 300)] == ["2"]
        assert [one.serial for one in await certificates.revoked(connection, 500, 450)] == ["1", "2"]

    in_store(tmp_path, scene)


def test_alerts_open_and_resolve(tmp_path: Path) -> None:
    made = AlertRecord(
        id="a1",
        name="config_drift",
        subject="dev-a",
        device_id="dev-a",
        state=AlertState.FIRING,
        detail="x",
        verified=False,
        raised_at=1,
    )

    async def scene(connection: AsyncConnection) -> None:
        await alerts.put(connection, made)
        assert await alerts.open_one(connection, "config_drift", "dev-a") == made
        assert await alerts.count_open(connection) == {"config_drift": 1}
        assert await alerts.resolve(connection, "config_drift", "dev-a", 9)
        assert not await alerts.resolve(connection, "config_drift", "dev-a", 10)
        page, _, total = await alerts.find_page(connection, None, 10)
        assert (page, total) == ([replace(made, state=AlertState.RESOLVED, resolved_at=9)], 1)
        assert await alerts.all_open(connection) == []

    in_store(tmp_path, scene)


def test_channels_batches_requests_and_answers(tmp_path: Path) -> None:
    answer = AnswerRecord(actor="a", key="k", request_sha256="r", status=201, body=b"{}", made_at=1)
    request = RequestRecord(
        request_id="q", device_id="d", verb=Verb.LOGS, args={"n": 1}, actor="a", issued_at=1, expires_at=2
    )

    async def scene(connection: AsyncConnection) -> None:
        made = ChannelRecord(name="stable", drift_policy=DriftPolicy.REMEDIATE, window={"activate": None})
        await channels.save(connection, made)
        await channels.save(connection, replace(made, beat_seconds=5))
        await channels.set_last_good(connection, "stable", DIGEST)
        assert await channels.every(connection) == [replace(made, beat_seconds=5, last_good=DIGEST)]
        assert [await ingest.put(connection, "s", "b1", b"{}", 1, now) for now in (1, 2)] == [True, False]
        assert await ingest.put(connection, "other", "b1", b"{}", 1, 3)
        assert await ingest.forget_before(connection, 2) == 1
        await requests.put(connection, request)
        await idempotency.put(connection, answer)
        assert await idempotency.get(connection, "a", "k") == answer
        await idempotency.answered(connection, "a", "k", 201, b"made")
        assert await idempotency.get(connection, "a", "k") == replace(answer, status=201, body=b"made")
        await idempotency.forget(connection, "b", "k")
        assert await idempotency.get(connection, "a", "k") is not None
        await idempotency.forget_before(connection, 2)
        assert await idempotency.get(connection, "a", "k") is None

    in_store(tmp_path, scene)
