"""The faces (API, page) over a desk that stands in for the engine: answers from values, remembers what was asked."""

from __future__ import annotations

import asyncio
import datetime as dt
import secrets
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, cast

import httpx
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from litestar import Litestar

from pyv_fleet.api.app import build_app
from pyv_fleet.api.context import ApiContext
from pyv_fleet.api.tls import CERTIFICATE_KEY
from pyv_fleet.core import views
from pyv_fleet.core.access import PAGE_COOKIE, Doors
from pyv_fleet.core.keys import KeyMade, KeySpec
from pyv_fleet.core.page_sessions import key_of
from pyv_fleet.core.words import (
    ActOutcome,
    AlertState,
    AuthScope,
    MemberStanding,
    ReturnStanding,
    RollbackState,
    RolloutAct,
    RolloutState,
    Verdict,
    WaveState,
)
from pyv_fleet.engine.answers import Answer
from pyv_fleet.engine.desired import Desired
from pyv_fleet.engine.errors import NotFound
from pyv_fleet.engine.ground import Changes
from pyv_fleet.engine.page_sessions import PageSessions
from pyv_fleet.trust.tokens import hash_of
from pyv_fleet.web.page import page_routes
from pyvorin_edge.vocabulary import (
    Connectivity,
    DriftPolicy,
    HealthStatus,
    Phase,
    RuleKind,
    Standing,
    Verb,
)

NOW = dt.datetime(2026, 11, 24, 12, 0, tzinfo=dt.UTC)
TOKENS = {f"pyvapi1.{scope.value}": (f"{scope.value}er", scope) for scope in AuthScope}
#: in the form that signing in asks for
PAGE_TOKENS = {scope: f"pyvapi1.{scope.value}{'-' * 22}" for scope in AuthScope}
GOLDEN = "ab" * 32


def device(device_id: str, **changes: Any) -> views.DeviceView:
    """A healthy device in step."""
    drift = views.DriftView(
        device_id=device_id, standing=changes.pop("standing", Standing.IN_STEP), kinds=(), lag=None,
        golden_hash=GOLDEN, applied_hash=GOLDEN, live_hash=GOLDEN, paths=changes.pop("paths", ()), more=0, since=None,
    )  # fmt: skip
    fields = {
        "device_id": device_id, "channel": "stable", "labels": {"kind": "real"}, "connectivity": Connectivity.ONLINE,
        "last_seen": NOW, "health_status": HealthStatus.HEALTHY, "health": {}, "phase": Phase.SETTLED,
        "waiting_for": None, "release": "cd" * 32, "version": "1.0", "target": None, "generation": 7, "result": None,
        "drift": drift, "agent_version": "0.1.0", "boot": 1, "incarnation": 1, "enrolled_at": NOW,
    }  # fmt: skip
    return views.DeviceView(**{**fields, **changes})  # type: ignore[arg-type]


def rollout(**changes: Any) -> views.RolloutView:
    """A rollout whose canary reverted."""
    counts = {"healthy": 0, "unhealthy": 0, "lost": 0, "deferred": 0, "started_at": NOW, "judged_at": NOW}
    waves = (
        views.WaveView(index=0, cohort="kind=real:1", state=WaveState.JUDGED, devices=1, committed=0, failed=0,
                       reverted=1, verdict=Verdict.BAD, because="1 of 1 reverted", **counts),
        views.WaveView(index=1, cohort="100%", state=WaveState.PENDING, devices=103, committed=0, failed=0, reverted=0,
                       verdict=None, because="", **counts),
    )  # fmt: skip
    fields = {
        "id": "r-1", "channel": "stable", "release": "ef" * 32, "version": "1.2", "baseline": "cd" * 32,
        "baseline_version": "1.1", "state": RolloutState.REVERTED, "wave": 0, "waves": waves,
        "because": "wave 1 went bad: FLEET-1 reverted 1.2, which did not become healthy within its gate",
        "reason": "tour", "created_by": "operator", "created_at": NOW, "ended_at": NOW,
    }  # fmt: skip
    return views.RolloutView(**{**fields, **changes})


def plan(spec: views.RolloutSpec) -> views.PlanView:
    """What the spec would do to two devices."""
    waves = spec.waves or ("1%", "100%")
    shown = [
        views.PlanWaveView(cohort=str(one), soak_seconds=60, approve=False, devices=2, online=2, new=2,
                           device_ids=("FLEET-1", "FLEET-2"), allowed={"failed": 0})
        for one in waves
    ]  # fmt: skip
    return views.PlanView(
        digest="12" * 32, channel=spec.channel, release="ef" * 32, version=spec.release, baseline="cd" * 32,
        baseline_version="1.1", devices=2, waves=tuple(shown), diffs=(),
        checks=(views.CheckView(name="canary", good=True, detail="1 of 2 devices for 60 s"),), approvals=0,
        finish_at=NOW, download_bytes=1234,
    )  # fmt: skip


class StandInAuditLog:
    """One line about whatever is asked for."""

    async def newest(self) -> int:
        return 1

    async def of_subject(self, subject: str, limit: int) -> tuple[views.AuditView, ...]:
        act = views.AuditView(seq=1, at=NOW, actor="operator", act="rollout.create", subject=subject, reason="tour")
        return (act,)


@dataclass
class StandInAnswers:
    """Answers by key, without a store."""

    given: dict[str, Answer] = field(default_factory=dict)

    async def begin(self, actor: str, key: str, request_sha256: str) -> Answer | None:
        return self.given.get(key)

    async def keep(self, actor: str, key: str, answer: Answer) -> None:
        self.given[key] = answer

    async def drop(self, actor: str, key: str) -> None:
        pass

    def leave(self, actor: str, key: str) -> None:
        pass


def rollback(missing: tuple[str, ...] = (), **changes: Any) -> views.RollbackView:
    """A rollback of two devices; those `missing` are not back."""
    part = views.RollbackChannel(
        channel="stable", was={"1.1": 2}, version="1.0", release="cd" * 32, epoch=1, generation=8,
        message_sha256="ab" * 32,
    )  # fmt: skip
    fields: dict[str, Any] = {
        "id": "b-1", "state": RollbackState.STANDING if missing else RollbackState.COMPLETED, "to_version": "1.0",
        "channels": (part,), "selector": None, "reason": "it broke", "created_by": "operator", "started_at": NOW,
        "devices": 2, "online": 2, "exempt": 0, "acknowledged": 2 - len(missing),
        "online_acknowledged": 2 - len(missing), "waiting": 0, "away": 0,
        "missing": tuple(returning(one) for one in missing), "missing_more": 0, "first_seconds": 0.2,
        "median_seconds": 0.3, "last_seconds": 0.4, "done": True,
    }  # fmt: skip
    return views.RollbackView(**{**fields, **changes})


def returning(device_id: str, **changes: Any) -> views.RollbackDevice:
    """A device that failed on its way back."""
    fields: dict[str, Any] = {
        "channel": "stable", "online": True, "standing": ReturnStanding.FAILED,
        "cause": "failed: gate (temp-01 is silent)",
    }  # fmt: skip
    return views.RollbackDevice(device_id=device_id, **{**fields, **changes})


@dataclass
class StandInRollbacks:
    """Of the desk's fleet: two devices, those that the desk misses not back."""

    desk: StandInDesk

    async def start(self, spec: views.RollbackSpec, actor: str) -> views.RollbackView:
        self.desk.asked.append(("rollback", spec))
        return rollback(self.desk.missing)

    async def status(self, rollback_id: str) -> views.RollbackView:
        return rollback(self.desk.missing)

    async def page(self, after: str | None, limit: int) -> views.Page[views.RollbackView]:
        return views.Page(items=(rollback(self.desk.missing),), total=1)

    async def report(self, rollback_id: str) -> views.RollbackReport:
        every = [self._device(device_id) for device_id in ("FLEET-1", "FLEET-2")]
        return views.RollbackReport(rollback=rollback(self.desk.missing), devices=tuple(every))

    def under_way(self) -> tuple[views.RollbackView, ...]:
        return (rollback(self.desk.missing, waiting=1, done=False),) if self.desk.missing else ()

    async def acknowledgements(self, rollback_id: str, after: int, limit: int) -> views.RollbackAcks:
        back = [one for one in ("FLEET-1", "FLEET-2") if one not in self.desk.missing]
        return views.RollbackAcks(after=after, items=tuple(self._device(one) for one in back[after : after + limit]))

    def _device(self, device_id: str) -> views.RollbackDevice:
        if device_id in self.desk.missing:
            return returning(device_id)
        return returning(device_id, standing=ReturnStanding.BACK, cause="", seconds=0.2)


@dataclass
class StandInDesk:
    """Answers like the engine's desk, from values."""

    fleet_devices: list[views.DeviceView] = field(default_factory=lambda: [device("FLEET-1"), device("FLEET-2")])
    fleet_rollouts: list[views.RolloutView] = field(default_factory=lambda: [rollout()])
    certificates: Mapping[str, int] = field(default_factory=dict)
    golden: str | None = GOLDEN
    asked: list[tuple[Any, ...]] = field(default_factory=list)
    bell: Changes = field(default_factory=Changes)
    fails: Exception | None = None
    refuses: Exception | None = None
    drifted: list[views.DriftView] = field(default_factory=list)
    missing: tuple[str, ...] = ()
    emergency: tuple[views.AlertView, ...] = ()
    now_ms: int = 0
    response: dict[str, Any] = field(default_factory=dict)
    answers: StandInAnswers = field(default_factory=StandInAnswers)

    async def scope_of(self, token_text: str) -> tuple[str, AuthScope] | None:
        return TOKENS.get(token_text)

    async def device_certificate_valid(self, device_id: str, serial: int, presented: Any = None) -> bool:
        return self.certificates.get(device_id) == serial

    async def fleet(self) -> views.FleetView:
        if self.fails:
            raise self.fails
        return views.FleetView(
            name="test", root_key="00" * 32, trust_version=1, epoch=1, devices=len(self.fleet_devices),
            channels=("stable",), article_channel="stable", broker="127.0.0.1:8883", api="https://127.0.0.1:8443",
        )  # fmt: skip

    async def snapshot(self) -> views.SnapshotView:
        healthy = sum(one.health_status is HealthStatus.HEALTHY for one in self.fleet_devices)
        return views.SnapshotView(
            timestamp=NOW.timestamp(), total_devices=len(self.fleet_devices), healthy_count=healthy,
            unhealthy_count=len(self.fleet_devices) - healthy, unreachable_count=0, avg_cpu=12.5, avg_disk=40.0,
            max_queue_depth=3, devices=(),
        )  # fmt: skip

    async def attention(self, max_queue_depth: int, max_cpu: float) -> list[views.AttentionView]:
        self.asked.append(("attention", max_queue_depth, max_cpu))
        return [views.AttentionView(device_id="FLEET-2", causes=("silent for 3 beats",))]

    async def devices(
        self, channel: str | None, labels: Mapping[str, str], connectivity: Connectivity | None,
        standing: Standing | None, after: str | None, limit: int,
    ) -> views.Page[views.DeviceView]:  # fmt: skip
        self.asked.append(("devices", channel, dict(labels), connectivity, standing, after, limit))
        found = [
            one for one in self.fleet_devices
            if (connectivity is None or one.connectivity is connectivity)
            and (standing is None or one.drift.standing is standing) and labels.items() <= one.labels.items()
        ]  # fmt: skip
        page = [one for one in found if after is None or one.device_id > after][:limit]
        more = page and page[-1] is not found[-1]
        return views.Page(items=tuple(page), next=page[-1].device_id if more else None, total=len(found))

    async def device(self, device_id: str) -> views.DeviceView:
        found = next((one for one in self.fleet_devices if one.device_id == device_id), None)
        if found is None:
            raise NotFound("No such device", device_id)
        return found

    async def channels(self) -> list[views.ChannelView]:
        rule = views.RuleView(kind=RuleKind.RELEASE, version="1.1", release="cd" * 32, attempt=1, matches="all")
        return [
            views.ChannelView(
                name="stable", generation=7, golden="cd" * 32, golden_version="1.1", last_good="cd" * 32, rules=(rule,),
                devices=2, drift_policy=DriftPolicy.ALERT, rollout=None, terms=views.ChannelBody(),
            )
        ]  # fmt: skip

    async def rollouts(self, after: str | None, limit: int) -> views.Page[views.RolloutView]:
        return views.Page(items=tuple(self.fleet_rollouts[:limit]), total=len(self.fleet_rollouts))

    async def rollout(self, rollout_id: str) -> views.RolloutView:
        return next(one for one in self.fleet_rollouts if one.id == rollout_id)

    async def every(self, channel: str | None = None, labels: Any = None) -> list[views.DriftView]:
        return self.drifted

    @property
    def drifts(self) -> StandInDesk:
        return self

    @property
    def reports(self) -> StandInDesk:
        return self

    async def recent(self) -> views.DriftReport:
        row = views.DriftCount(by="channel", name="stable", devices=2, in_step=1, both=1, overdue=1)
        kind = views.DriftCount(by="kind", name="edited", devices=1, both=1)
        return views.DriftReport(at=NOW, counts=(row, kind))

    async def remediate(self, body: views.RemediateBody, actor: str) -> list[views.DeviceOutcome]:
        self.asked.append(("remediate", body.device_ids, body.reason))
        return [views.DeviceOutcome(device_id=one, outcome=ActOutcome.REMEDIATED) for one in body.device_ids]

    async def request(self, device_id: str, verb: Verb, args: dict[str, Any], actor: str) -> dict[str, Any]:
        self.asked.append(("request", device_id, verb.value, args))
        return self.response

    async def create_token(self, spec: views.TokenSpec, actor: str) -> views.TokenMade:
        return views.TokenMade(id="t-1", token="pyv1.made", expires_at=NOW)

    async def create_key(self, spec: KeySpec, actor: str) -> KeyMade:
        self.asked.append(("create_key", spec))
        return KeyMade(id="k-1", name=spec.name, scope=spec.scope, key="pyvapi1.made", expires_at=None)

    @cached_property
    def page_sessions(self) -> PageSessions:
        async def standing(sha256: str) -> tuple[str, AuthScope] | None:
            return next(((f"{one.value}er", one) for one in AuthScope if hash_of(PAGE_TOKENS[one]) == sha256), None)

        return PageSessions(lambda: self.now_ms, secrets.token_bytes, standing)

    @property
    def audit_log(self) -> StandInAuditLog:
        return StandInAuditLog()

    async def emergencies(self) -> tuple[views.AlertView, ...]:
        return self.emergency

    async def acknowledge(self, alert_id: str, verb: views.AlertVerb, actor: str) -> None:
        self.asked.append(("acknowledge", alert_id, verb.reason, actor))

    async def releases(self, after: str | None, limit: int) -> views.Page[views.ReleaseView]:
        return views.Page(items=(), total=0)

    async def plan_rollout(self, spec: views.RolloutSpec) -> views.PlanView:
        return plan(spec)

    async def undone_by(self, rollout_id: str, verb: views.RolloutVerb) -> views.RollbackSpec:
        return views.RollbackSpec(to="cd" * 32, channels=("stable",), reason=verb.reason)

    async def act_on_rollout(
        self, rollout_id: str, act: RolloutAct, verb: views.RolloutVerb, actor: str
    ) -> views.RolloutView:
        if self.refuses:
            raise self.refuses
        self.asked.append(("act", rollout_id, act, verb, actor))
        return await self.rollout(rollout_id)

    async def rollout_devices(self, rollout_id: str, *asked: Any) -> views.Page[views.MemberView]:
        self.asked.append(("rollout_devices", rollout_id, *asked))
        one = views.MemberView(device_id="FLEET-1", standing=MemberStanding.FAILED, said="FLEET-1 refused the release")
        return views.Page(items=(one,), total=1)

    @property
    def rollbacks(self) -> StandInRollbacks:
        return StandInRollbacks(self)

    async def create_rollout(self, spec: views.RolloutSpec, actor: str, scope: AuthScope | None) -> views.RolloutView:
        self.asked.append(("create_rollout", spec, actor))
        return rollout(state=RolloutState.ROLLING)

    @property
    def alerting(self) -> StandInDesk:
        return self

    async def page(
        self, after: str | None, limit: int, *, state: AlertState | None = None, name: str = ""
    ) -> views.Page[views.AlertView]:
        alert = views.AlertView(
            id="a-1", name="config_drift", device_id="FLEET-1", state=AlertState.FIRING, detail="<b>edited</b>",
            verified=False, raised_at=NOW, resolved_at=None,
        )  # fmt: skip
        return views.Page(items=(alert,), total=1)

    async def audit(self, after: str | None, limit: int) -> views.Page[views.AuditView]:
        act = views.AuditView(seq=1, at=NOW, actor="operator", act="rollout.create", subject="r-1", reason="tour")
        return views.Page(items=(act,), total=1)

    async def golden_hash(self, device_id: str) -> str | None:
        return self.golden

    async def article_alert(self, device_id: str, alert: str, hash: str, verified: bool) -> None:
        self.asked.append(("article_alert", device_id, alert, hash, verified))

    async def accept_report(self, device_id: str, raw: bytes) -> None:
        self.asked.append(("accept_report", device_id, raw))

    async def desired(self, device_id: str) -> Desired:
        return Desired(channel="stable", directive=b'{"directive": 1}', assignment=b'{"assignment": 1}', trust=1)

    async def polled(self, device_id: str, known: str | None, seconds: float, ending: asyncio.Event) -> Desired:
        self.asked.append(("polled", device_id, seconds))
        return await self.desired(device_id)

    async def changes(self) -> AsyncIterator[str]:
        async for kind in self.bell.listen():
            yield kind

    def __getattr__(self, name: str) -> Any:
        raise NotFound("Not in this stand-in", name)


def certificate(device_id: str, days: int = 1) -> x509.Certificate:
    """A device's certificate, good for `days` from NOW on."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, device_id)])
    return (
        x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key())
        .serial_number(x509.random_serial_number()).not_valid_before(NOW - dt.timedelta(days=9))
        .not_valid_after(NOW + dt.timedelta(days=days)).sign(key, hashes.SHA256())
    )  # fmt: skip


def app_of(desk: StandInDesk, **doors: Any) -> Litestar:
    """API and page over the stand-in."""
    context = ApiContext(
        desk=cast(Any, desk),
        device_ca=certificate("ca"),
        server_ca=certificate("server-ca"),
        clock=lambda: NOW,
        doors=Doors(**doors),
    )
    return build_app(context, [page_routes(cast(Any, desk))])


@dataclass
class Browser:
    """Calls the app as someone: from an address, with a token, a cookie or a certificate."""

    app: Litestar
    address: str = "203.0.113.9"
    token: str | None = None
    #: it signs in on the page at its first call
    signed_in: AuthScope | None = None
    session: str | None = None
    bearing: x509.Certificate | None = None
    host: str = "127.0.0.1:8443"

    def __call__(self, method: str, path: str, **more: Any) -> httpx.Response:
        return asyncio.run(self.call(method, path, **more))

    async def call(self, method: str, path: str, **more: Any) -> httpx.Response:
        headers = {**({"authorization": f"Bearer {self.token}"} if self.token else {}), **more.pop("headers", {})}
        transport = httpx.ASGITransport(
            cast(Any, self._with_certificate), client=(self.address, 1), raise_app_exceptions=False
        )
        if self.signed_in is not None and self.session is None:
            self.session = await self._sessions.sign_in(PAGE_TOKENS[self.signed_in], self.address)
        cookies = {PAGE_COOKIE[True]: self.session} if self.session else None
        async with httpx.AsyncClient(transport=transport, base_url=f"https://{self.host}", cookies=cookies) as client:
            return await client.request(method, path, headers=headers, **more)

    def send(self, path: str, **fields: str) -> httpx.Response:
        """A form as this browser sends it from a page of the server: with its seal and its origin."""
        if self.session is None:
            self("GET", "/")
        sealed = {"seal": self.sealed(path), **fields}
        return self("POST", path, data=sealed, headers={"origin": f"https://{self.host}"})

    def sealed(self, path: str) -> str:
        """A form's seal, as a page holds it."""
        return self._sessions.seal(key_of(self.session or ""), path)

    @property
    def _sessions(self) -> PageSessions:
        found: PageSessions = self.app.state.context.desk.page_sessions
        return found

    async def _with_certificate(self, scope: Any, receive: Any, send: Any) -> None:
        if self.bearing is not None:
            from cryptography.hazmat.primitives.serialization import Encoding

            scope.setdefault("extensions", {})[CERTIFICATE_KEY] = self.bearing.public_bytes(Encoding.DER)
        await self.app(scope, receive, send)
