"""A rehearsal: the real store, orders, rollouts and rollbacks; devices are scripted, time moves when told to.

The devices ask the SDK's own `golden` what to run, from the very directive in the store; no broker, no sockets.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import msgspec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from pyv_fleet.core.policy import Freeze, Herd, HoldOut
from pyv_fleet.core.release import build_release
from pyv_fleet.core.views import RolloutSpec, RolloutVerb, RolloutView
from pyv_fleet.core.words import AuthScope, RolloutAct
from pyv_fleet.engine.alerting import Alerting
from pyv_fleet.engine.audit import AuditLog
from pyv_fleet.engine.bundles import Bundles
from pyv_fleet.engine.goldens import assignment_of
from pyv_fleet.engine.ground import Ground
from pyv_fleet.engine.interface import Heard
from pyv_fleet.engine.orders import Orders, directive_of
from pyv_fleet.engine.releases import Releases
from pyv_fleet.engine.rollback import Rollbacks
from pyv_fleet.engine.rollouts import Rollouts
from pyv_fleet.engine.trust_chain import TrustChain
from pyv_fleet.engine.turns import Turns
from pyv_fleet.store import channels, devices, fleet, releases, status
from pyv_fleet.store import orders as directives
from pyv_fleet.store.bundle_files import BundleFiles
from pyv_fleet.store.channels import ChannelRecord
from pyv_fleet.store.database import Database
from pyv_fleet.store.devices import DeviceRecord
from pyv_fleet.store.status import StatusRecord
from pyv_fleet.trust.signing import DirectiveSigner, sign_release
from pyvorin_edge.envelope import public_bytes
from pyvorin_edge.identity import Digest
from pyvorin_edge.orders import EMPTY_OVERLAY, Directive, Target, golden
from pyvorin_edge.turns import lacks_turn
from pyvorin_edge.vocabulary import Cause, ConfigFormat, Connectivity, HealthStatus, Outcome, Phase, WaitingFor

KEY = Ed25519PrivateKey.from_private_bytes(b"\1" * 32)
START = 1_700_000_000_000
NO_WAIT: dict[str, Any] = {"waiting_for": None, "waiting_since": None}


class Rehearsal:
    """A fleet of scripted devices under real controller parts. `sick` versions go back by their gate, and so on."""

    def __init__(self, database: Database, directory: Path) -> None:
        self.now = START
        self._random = 0
        self.database = database
        self.directory = directory
        self.hears = True
        #: versions that devices refuse, go back from, or become unhealthy under once they took them
        self.refused: set[str] = set()
        self.sick: set[str] = set()
        self.sickening: set[str] = set()
        self.silent: set[str] = set()
        #: whether devices take two steps for a release: the first begins its work
        self.slow = False
        self.orders: Orders
        self.rollouts: Rollouts
        self.rollbacks: Rollbacks
        self.turns: Turns
        self.releases: Releases
        self.bundles: Bundles

    async def open(self) -> None:
        """Found the fleet, or come back to it after a restart."""
        self.ground = Ground(self.database, self.clock, self.random, "lab")
        async with self.database.begin() as connection:
            await fleet.found(connection, "lab", public_bytes(KEY).hex(), START)
            if await channels.get(connection, "stable") is None:
                await channels.save(connection, ChannelRecord(name="stable", created_at=START))
        trust = await TrustChain.load(self.ground)
        self.orders = Orders(self.ground, DirectiveSigner(KEY), trust)
        audit, self.alerting = AuditLog(self.ground), Alerting(self.ground)
        self.rollouts = Rollouts(self.ground, trust, self.orders, audit, self.alerting, lambda: self.hears)
        self.rollbacks = Rollbacks(self.ground, trust, self.orders, audit, self.rollouts)
        self.turns = Turns(self.ground, self.orders, lambda: self.hears, lambda: START)
        self.bundles = Bundles(self.ground, audit, BundleFiles(self.directory / "bundles", 1024 * 1024))
        self.releases = Releases(self.ground, trust, self.orders, audit, self.bundles)
        await self.rollouts.reenter()
        await self.rollbacks.reenter()

    def clock(self) -> int:
        """Time moves only when a scene says so."""
        return self.now

    def random(self, count: int) -> bytes:
        self._random += 1
        return self._random.to_bytes(count, "big")

    def skip_random(self, count: int) -> None:
        """As if so many ids had been made before."""
        self._random += count

    async def enrol(
        self, count: int, *, kind: str = "simulated", channel: str = "stable", offline: int = 0, **labels: str
    ) -> None:
        """Devices `FLEET-<kind>-<n>` with these labels; the last `offline` of them are not online."""
        names = [f"FLEET-{kind}-{number}" for number in range(count)]
        async with self.database.begin() as connection:
            for device_id in names:
                record = DeviceRecord(
                    device_id=device_id, key_sha256="0" * 64, incarnation=0, quarantined=False, enrolled_at=self.now,
                    channel=channel, labels={"kind": kind, **labels}, overlay={}, overlay_digest=EMPTY_OVERLAY,
                    pin=None, tz="UTC", min_generation=0, epoch=0, number=0, assignment=b"", published_at=None,
                )  # fmt: skip
                await devices.save(connection, record)
                await status.add_blank(connection, device_id)
        online = {"connectivity": Connectivity.ONLINE, "health_status": HealthStatus.HEALTHY}
        await self.say_all(dict.fromkeys(names[: count - offline], online))

    async def release(self, version: str, *, config: bytes | None = None, **terms: Any) -> str:
        """Built, signed and published; its digest."""
        blob = config if config is not None else f'[logging]\nlevel = "INFO"\n# {version}\n'.encode()
        release = build_release(blob, fleet="lab", version=version, format=ConfigFormat.TOML, **terms)
        view, _ = await self.releases.publish(sign_release(release, KEY), blob, "op")
        return view.digest

    async def roll(self, version: str, *waves: str, **terms: Any) -> str:
        """A rollout, started; its id."""
        settings: dict[str, Any] = {"soak_seconds": 10, "deadline_seconds": 100, "reason": "because"} | terms
        spec = RolloutSpec(channel="stable", release=version, waves=waves or ("1%", "100%"), **settings)
        return (await self.rollouts.create(spec, "op", AuthScope.ADMIN)).id

    async def act(self, rollout_id: str, act: str, by: str = "op", **said: Any) -> RolloutView:
        """What a person does with it."""
        verb = RolloutVerb(**{"reason": "looked at it"} | said)
        return await self.rollouts.act(rollout_id, RolloutAct(act), verb, by)

    async def withdraw(self, version: str) -> None:
        """Nothing begins with this release any more."""
        async with self.database.begin() as connection:
            found = await releases.get(connection, version)
            assert found is not None
            await releases.set_yank(connection, found.digest, self.now, "op", "it leaks")

    async def freeze(self, freeze: Freeze) -> None:
        """No new wave opens meanwhile."""
        await self._terms(freezes=[freeze])

    async def hold_out(self, one: HoldOut) -> None:
        """These devices stay on a release."""
        await self._terms(hold_outs=[one])

    async def herd(self, herd: Herd | None) -> None:
        """So many devices at once."""
        await self._terms(herd=herd)

    async def _terms(self, **changes: Any) -> None:
        async with self.database.begin() as connection:
            channel = await channels.get(connection, "stable")
            assert channel is not None
            plain = msgspec.json.decode(msgspec.json.encode(changes))
            await channels.save(connection, msgspec.structs.replace(channel, **plain))

    async def based_on(self, version: str) -> None:
        """The channel runs this release, whole."""
        await self.release(version)
        await self.roll(version, "100%")
        await self.obey()
        await self.wait(11)
        await self.obey()

    async def wait(self, seconds: float) -> None:
        """Time passes in steps of half a second, as the tick does."""
        for _ in range(int(seconds * 2)):
            self.now += 500
            await self.rollouts.tick()

    async def obey(self, only: str | None = None) -> None:
        """Every online device (or one) does what the directive says, and reports."""
        directive = await self.directive()
        if directive is None:
            return
        async with self.database.read() as connection:
            everyone = await status.find(connection)
            versions = {record.digest: record.version for record in await releases.every(connection)}
            hashes = {record.digest: record.golden_hash for record in await releases.every(connection)}
        words: dict[str, dict[str, Any]] = {}
        for device, said in everyone:
            if said.connectivity is not Connectivity.ONLINE or device.device_id in self.silent:
                continue
            if only is not None and device.device_id != only:
                continue
            held = frozenset(Digest(one) for one in (said.running_release,) if one is not None)
            target = golden(device.device_id, directive, assignment_of(device), held)
            changes = {} if target is None else self._begun(target, device, said)
            if target is not None and not changes:
                changes = self._done(target, said, versions[target.release], hashes)
            where = {"generation": directive.generation, "epoch": device.epoch, "number": device.number}
            words[device.device_id] = where | changes
        await self.say_all(words)

    async def say(self, device_id: str, **changes: Any) -> None:
        """A device's report, as the intake stores it and tells it on."""
        await self.say_all({device_id: changes})

    async def say_all(self, words: Mapping[str, Mapping[str, Any]]) -> None:
        """Reports that come together, in one batch as the intake takes them."""
        heard: list[Heard] = []
        async with self.database.begin() as connection:
            known = await status.get_many(connection, list(words))
            for device_id, changes in words.items():
                device, before = known[device_id].device, known[device_id].status
                after = msgspec.structs.replace(before, last_seen=self.now, **changes)
                heard.append(Heard(device, before, after, None))
            await status.save_many(connection, [one.after for one in heard])
        await self.rollouts.heard(heard)
        await self.rollouts.tick()
        await self.rollbacks.heard(heard)
        await self.turns.heard(heard)

    async def directive(self) -> Directive | None:
        """What the channel orders now."""
        async with self.database.read() as connection:
            record = await directives.current(connection, "stable")
        return None if record is None else directive_of(record)

    async def golden_hashes(self) -> dict[Digest, str]:
        """Of every release, without an overlay."""
        async with self.database.read() as connection:
            return {Digest(record.digest): record.golden_hash for record in await releases.every(connection)}

    async def running(self) -> dict[str, int]:
        """How many devices run each version; `-` = the provisioned config."""
        async with self.database.read() as connection:
            versions = {record.digest: record.version for record in await releases.every(connection)}
            found = [versions.get(one.status.running_release or "", "-") for one in await status.find(connection)]
        return {version: found.count(version) for version in sorted(set(found))}

    async def told(self) -> list[Directive]:
        """Every directive of the channel, oldest first."""
        async with self.database.read() as connection:
            return [directive_of(one) for one in reversed(await directives.history(connection, "stable", 1000))]

    def _begun(self, target: Target, device: DeviceRecord, said: StatusRecord) -> dict[str, Any]:
        """Where it stands before it is through with its work; empty = it can go through with it."""
        tried = (said.result_release, said.result_attempt) == (target.release, target.attempt)
        running = None if said.running_release is None else Digest(said.running_release)
        begun: dict[str, Any] = {"target_release": target.release, "target_attempt": target.attempt}
        if target.release == running or tried or said.phase is Phase.PROVING:
            return {}
        if lacks_turn(target, assignment_of(device), running):
            since = said.waiting_since or self.now
            return begun | {"phase": Phase.WAITING, "waiting_for": WaitingFor.TURN, "waiting_since": since}
        return begun | {"phase": Phase.PROVING, **NO_WAIT} if self.slow else {}

    def _done(self, target: Target, said: StatusRecord, version: str, hashes: dict[str, str]) -> dict[str, Any]:
        tried = (said.result_release, said.result_attempt) == (target.release, target.attempt)
        if target.release == said.running_release or (tried and said.result_outcome is not Outcome.COMMITTED):
            return {"phase": Phase.SETTLED, **NO_WAIT}
        ended: dict[str, Any] = {
            "phase": Phase.SETTLED, **NO_WAIT, "result_release": target.release, "result_overlay": target.overlay,
            "result_attempt": target.attempt, "result_at": self.now,
        }  # fmt: skip
        if version in self.refused:
            return ended | {
                "result_outcome": Outcome.REJECTED, "result_code": Cause.INVALID, "result_detail": "/health/port"
            }  # fmt: skip
        if version in self.sick:
            return ended | {
                "result_outcome": Outcome.FAILED, "result_code": Cause.GATE, "result_detail": "adapter temp-01 failed"
            }  # fmt: skip
        health = HealthStatus.UNHEALTHY if version in self.sickening else HealthStatus.HEALTHY
        return ended | {
            "result_outcome": Outcome.COMMITTED, "result_code": None, "result_detail": None,
            "committed_release": target.release, "committed_overlay": target.overlay,
            "running_release": target.release, "running_hash": hashes[target.release], "health_status": health,
        }  # fmt: skip


@asynccontextmanager
async def rehearsal(path: Path) -> AsyncIterator[Rehearsal]:
    """On a store of its own in `path`; open it twice and the second is the controller after a restart."""
    database = await Database.open(f"sqlite+aiosqlite:///{path / 'fleet.db'}")
    stage = Rehearsal(database, path)
    try:
        await stage.open()
        yield stage
    finally:
        await database.close()
