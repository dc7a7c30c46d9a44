"""What each device should run, and how far it is: golden, its hash, and lag by kind (PROTOCOL 5, 7)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

import msgspec
from sqlalchemy.ext.asyncio import AsyncConnection

from pyv_fleet.engine import statuses
from pyv_fleet.engine.orders import directive_of
from pyv_fleet.engine.releases import golden_hash_of
from pyv_fleet.store import orders as directives
from pyv_fleet.store import releases
from pyv_fleet.store.devices import DeviceRecord
from pyv_fleet.store.status import Known, StatusRecord
from pyvorin_edge import drift
from pyvorin_edge.config.problem import ConfigError
from pyvorin_edge.identity import ChannelName, DeviceId, Digest, FleetName
from pyvorin_edge.orders import EMPTY_OVERLAY, Assignment, Directive, Pin, Target, golden
from pyvorin_edge.vocabulary import LagKind, Outcome, RuleKind, Standing

OVERDUE_AFTER_MS: Final = 15 * 60 * 1000
"""A device that could have taken a directive for so long, its spread aside, is late."""
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
        if failed_at(known.status, target):
            return LagKind.FAILED
        since = self.directives[known.device.channel].issued_at + target.spread_seconds * 1000
        return LagKind.OVERDUE if self.now_ms - since > OVERDUE_AFTER_MS else LagKind.PENDING

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
        current = {
            channel: directive_of(record) for channel, record in (await directives.current_all(connection)).items()
        }
        every = await releases.every(connection)
        for digest in {rule.release for directive in current.values() for rule in directive.rules}:
            for overlay_digest, overlay in overlays.items():
                await self._learn(connection, digest, overlay_digest, overlay)
        versions = {record.digest: record.version for record in every}
        return Look(current, versions, self._hashes, now_ms)

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
        issued_at=0,
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
