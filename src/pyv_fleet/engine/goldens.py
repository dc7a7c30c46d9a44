"""What each device should run, and how far it is: golden, its hash, and lag by kind (PROTOCOL 5, 7)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

import msgspec
from sqlalchemy.ext.asyncio import AsyncConnection

from pyv_fleet.core.lag import OVERDUE_SECONDS, golden_since, lag_kind
from pyv_fleet.engine import statuses
from pyv_fleet.engine.orders import directive_of
from pyv_fleet.engine.releases import golden_hash_of
from pyv_fleet.store import channels, releases
from pyv_fleet.store import orders as directives
from pyv_fleet.store.devices import DeviceRecord
from pyv_fleet.store.status import Known, StatusRecord
from pyvorin_edge import drift
from pyvorin_edge.config.problem import ConfigError
from pyvorin_edge.identity import ChannelName, DeviceId, Digest, FleetName
from pyvorin_edge.orders import EMPTY_OVERLAY, Assignment, Directive, Pin, Target, golden
from pyvorin_edge.vocabulary import LagKind, Outcome, RuleKind, Standing

_FAILED: Final = frozenset({Outcome.FAILED, Outcome.REJECTED, Outcome.INCONCLUSIVE})


@dataclass(frozen=True)
class Look:
    """All that is needed to say what devices should run, read at one moment."""

    directives: dict[str, Directive]
    #: digest to version
    versions: dict[str, str]
    #: golden hash by (release, overlay digest)
    hashes: dict[tuple[str, str], str]
    now_ms: int
    #: those of each channel that a device may still be within the deadline of, the newest first
    recent: dict[str, tuple[Directive, ...]]
    #: by channel
    overdue_seconds: dict[str, int]

    def target(self, known: Known) -> Target | None:
        """Golden; none = unknown."""
        device = known.device
        held = frozenset(Digest(one) for one in statuses.held_by(known.status))
        return golden(device.device_id, self.directives.get(device.channel), assignment_of(device), held)

    def version(self, digest: str | None) -> str | None:
        """For people."""
        return None if digest is None else self.versions.get(digest)

    def golden_hash(self, target: Target | None) -> str | None:
        """What the live config of a device with this target should hash to."""
        return None if target is None else self.hashes.get((target.release, target.overlay))

    def lag(self, known: Known, target: Target | None) -> LagKind | None:
        """How a device lags; none if it does not, or golden is unknown."""
        if target is None or not drift.lags(committed_of(known.status), target):
            return None
        return lag_kind(
            failed=failed_at(known.status, target),
            waiting_for=known.status.waiting_for,
            told_at=self.told_at(known, target),
            spread_seconds=target.spread_seconds,
            overdue_seconds=self.overdue_seconds.get(known.device.channel, OVERDUE_SECONDS),
            now_ms=self.now_ms,
        )

    def told_at(self, known: Known, target: Target) -> int:
        """Unix ms from which on the device was told to go to golden; no earlier than its deadline needs."""
        device = known.device
        held = frozenset(Digest(one) for one in statuses.held_by(known.status))
        return golden_since(
            device.device_id, self.recent.get(device.channel, ()), assignment_of(device), held, target
        )  # fmt: skip

    def standing(self, known: Known, target: Target | None) -> Standing:
        """Drift as the device says, lag as the controller knows it."""
        status = known.status
        return drift.standing(
            applied_hash=status.applied_hash,
            live_hash=status.live_hash,
            kinds=status.drift_kinds,
            lagging=drift.lags(committed_of(status), target),
        )


class Goldens:
    """Reads looks; golden hashes are computed once per (release, overlay) and kept at hand."""

    def __init__(self) -> None:
        self._hashes: dict[tuple[str, str], str] = {}

    async def look(self, connection: AsyncConnection, overlays: dict[str, dict[str, Any]], now_ms: int) -> Look:
        """`overlays` by digest: those of the devices that will be asked about."""
        terms = {record.name: record.overdue_seconds for record in await channels.every(connection)}
        recent = {name: await _recent(connection, name, now_ms - after * 1000) for name, after in terms.items()}
        current = {channel: found[0] for channel, found in recent.items() if found}
        every = await releases.every(connection)
        for digest in {rule.release for directive in current.values() for rule in directive.rules}:
            for overlay_digest, overlay in overlays.items():
                await self._learn(connection, digest, overlay_digest, overlay)
        versions = {record.digest: record.version for record in every}
        return Look(current, versions, self._hashes, now_ms, recent, terms)

    async def look_at(self, connection: AsyncConnection, known: list[Known], now_ms: int) -> Look:
        """A look for these devices."""
        look = await self.look(connection, {one.device.overlay_digest: one.device.overlay for one in known}, now_ms)
        for one in known:
            if one.device.pin is not None:
                release = str(one.device.pin["release"])
                await self._learn(connection, release, one.device.overlay_digest, one.device.overlay)
        return look

    async def hash_of(self, connection: AsyncConnection, release: str, device: DeviceRecord) -> str | None:
        """The golden hash of a release under a device's overlay."""
        await self._learn(connection, release, device.overlay_digest, device.overlay)
        return self._hashes.get((release, device.overlay_digest))

    async def _learn(
        self, connection: AsyncConnection, release: str, overlay_digest: str, overlay: dict[str, Any]
    ) -> None:
        if (release, overlay_digest) in self._hashes:
            return
        try:
            found = await golden_hash_of(connection, release, overlay)
        except ConfigError:
            return  # an overlay that cannot be merged: golden's hash is unknown, the device says why
        if found is not None:
            self._hashes[release, overlay_digest] = found


async def _recent(connection: AsyncConnection, channel: str, since_ms: int) -> tuple[Directive, ...]:
    return tuple([directive_of(record) for record in await directives.recent(connection, channel, since_ms)])


def committed_of(status: StatusRecord) -> Target | None:
    """What last proved itself on the device, as far as it said."""
    if status.committed_release is None:
        return None
    overlay = Digest(status.committed_overlay) if status.committed_overlay else EMPTY_OVERLAY
    attempt = status.result_attempt or 0
    return Target(release=Digest(status.committed_release), overlay=overlay, attempt=attempt, kind=RuleKind.RELEASE)


def failed_at(status: StatusRecord, target: Target) -> bool:
    """Whether the device tried this very target, or refused it."""
    same = (status.result_release, status.result_overlay) == (target.release, target.overlay)
    return same and status.result_outcome in _FAILED and (status.result_attempt or 0) >= target.attempt


def assignment_of(device: DeviceRecord) -> Assignment:
    """The assignment that a device was last given, from its record: golden needs no envelope."""
    pin = device.pin
    return Assignment(
        v=1,
        fleet=FleetName(""),
        epoch=device.epoch,
        device_id=DeviceId(device.device_id),
        number=device.number,
        channel=ChannelName(device.channel),
        # numbers are times, unless two were made in one millisecond
        issued_at=device.number,
        issued_by="",
        min_generation=device.min_generation,
        labels=device.labels,
        overlay=device.overlay,
        pin=None
        if pin is None
        else Pin(release=Digest(pin["release"]), attempt=pin["attempt"], kind=msgspec.convert(pin["kind"], RuleKind)),
        turn=device.grant,
        tz=device.tz,
    )
