"""Takes what a broker holds into the store: what is newer than it knows, or all of it into an empty one (PROTOCOL 5).

Each part is in one transaction, and nothing in the store ever goes back: a lower number changes nothing.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import msgspec
from msgspec.structs import replace
from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncConnection

from pyv_fleet.core.recovery import (
    Found,
    FoundAssignment,
    FoundDirective,
    FoundRelease,
    attempts_of,
    follow,
    highest,
    last_issued_at,
)
from pyv_fleet.engine import statuses
from pyv_fleet.engine.ground import Ground
from pyv_fleet.engine.orders import record_of
from pyv_fleet.engine.words_in import Word, parse_word
from pyv_fleet.store import channels, devices, releases, status
from pyv_fleet.store import fleet as fleets
from pyv_fleet.store import orders as directives
from pyv_fleet.store import trust as documents
from pyv_fleet.store.channels import ChannelRecord
from pyv_fleet.store.devices import DeviceRecord
from pyv_fleet.store.orders import DirectiveRecord
from pyv_fleet.store.releases import ReleaseRecord
from pyv_fleet.store.schema import device_status
from pyv_fleet.store.status import StatusRecord
from pyvorin_edge.identity import Digest
from pyvorin_edge.orders import EMPTY_OVERLAY, overlay_digest
from pyvorin_edge.report import Report
from pyvorin_edge.trust import Trust, advance

FOUND_BY = "recovery"
"""Who published a release that was found at the broker: the store that knew it is gone."""


class Taken(msgspec.Struct, frozen=True, kw_only=True):
    """What was newer at the broker than in the store."""

    #: channels whose directive at the broker is higher than the store's
    ahead: tuple[str, ...] = ()
    #: those among them, and others, that the store did not know
    channels: tuple[str, ...] = ()
    releases: tuple[str, ...] = ()
    #: devices that the store did not know
    devices: tuple[str, ...] = ()
    #: devices whose assignment at the broker has a higher number
    assignments: tuple[str, ...] = ()
    trust_versions: tuple[int, ...] = ()

    def __bool__(self) -> bool:
        return any(getattr(self, name) for name in self.__struct_fields__)

    @property
    def sentence(self) -> str:
        """What it was, for people."""
        parts = [
            _counted(self.ahead, "newer directive", "newer directives"),
            _counted(self.channels, "unknown channel", "unknown channels"),
            _counted(self.releases, "unknown release", "unknown releases"),
            _counted(self.devices, "unknown device", "unknown devices"),
            _counted(self.assignments, "newer assignment", "newer assignments"),
            _counted(self.trust_versions, "newer trust document", "newer trust documents"),
        ]
        return ", ".join(part for part in parts if part) or "nothing"


async def take_trust(ground: Ground, trust: Trust, retained: Mapping[str, bytes]) -> tuple[Trust, tuple[int, ...]]:
    """The newest trust that the broker's documents lead to, stored; and the versions that are new."""
    newest, found = follow(trust, retained)
    at = trust
    async with ground.database.begin() as connection:
        for document in found:
            at = advance(at, document)
            await documents.put(connection, at, ground.clock(), FOUND_BY)
    return newest, tuple(range(trust.version + 1, newest.version + 1))


async def take_orders(ground: Ground, found: Found, *, with_directives: bool) -> Taken:
    """Releases, channels, devices and attempts that are new or newer; with `with_directives` the directives too, as
    ours. Without, each is left to foreign.py, which calls a person."""
    now = ground.clock()
    async with ground.database.begin() as connection:
        new_releases = [one.order.version for one in found.releases.values() if await _release(connection, one, now)]
        ahead = [name for name, one in found.directives.items() if await _is_ahead(connection, one)]
        new_channels = await _channels(connection, found, ahead, now)
        if with_directives:
            for name in ahead:
                await directives.put(connection, replace(_record(found.directives[name]), published_at=now))
        new, newer = await _assignments(connection, found.assignments.values(), now)
        for release, attempt in attempts_of(found).items():
            await releases.raise_attempt(connection, release, attempt)
        await fleets.raise_issued_at(connection, last_issued_at(found))
    return Taken(
        ahead=tuple(ahead),
        channels=tuple(new_channels),
        releases=tuple(new_releases),
        devices=tuple(new),
        assignments=tuple(newer),
    )


def reports_of(came: Mapping[str, bytes]) -> dict[str, Report]:
    """The reports among messages, by device; what is none is passed over."""
    words = [parse_word(topic, payload, retained=False) for topic, payload in came.items()]
    return {one.device_id: one.said for one in words if isinstance(one, Word) and isinstance(one.said, Report)}


async def take_reports(ground: Ground, reports: Mapping[str, Report]) -> None:
    """What devices hold; they are online once the intake hears them. Attempts that they name are not used again."""
    now = ground.clock()
    async with ground.database.begin() as connection:
        known = await devices.get_many(connection, reports)
        said = [
            statuses.after_report(StatusRecord(device_id=device_id), reports[device_id], now, connected=False)
            for device_id in known
        ]
        await status.save_many(connection, said)
        for device_id, device in known.items():
            if not device.key_sha256:  # its enrolment is forgotten: how often it was made anew, it says itself
                await devices.save(connection, replace(device, incarnation=max(1, reports[device_id].incarnation)))
        for release, attempt in (await reported_attempts(connection)).items():
            await releases.raise_attempt(connection, release, attempt)


async def reported_attempts(connection: AsyncConnection) -> dict[Digest, int]:
    """The highest attempt of each release that a device names, as target or result."""
    pairs: list[tuple[str, int]] = []
    for release, attempt in (
        (device_status.c.target_release, device_status.c.target_attempt),
        (device_status.c.result_release, device_status.c.result_attempt),
    ):
        query = select(release, func.max(attempt)).where(release.is_not(None)).group_by(release)
        pairs += [(str(name), int(most or 0)) for name, most in await connection.execute(query)]
    return highest(pairs)


async def _release(connection: AsyncConnection, found: FoundRelease, now_ms: int) -> bool:
    """Whether it is new. One of a version that stands for another release here cannot be both, and is passed over."""
    order = found.order
    if await releases.get(connection, found.digest) or await releases.of_version(connection, order.version):
        return False
    record = ReleaseRecord(
        digest=found.digest,
        version=order.version,
        envelope=found.envelope,
        config_sha256=order.config.sha256,
        format=order.config.format,
        golden_hash=order.golden_hash,
        security=order.security,
        floor=order.floor,
        attempt=0,
        published_at=now_ms,
        published_by=FOUND_BY,
    )
    await releases.put(connection, record, found.blob)
    await releases.put_golden(connection, found.digest, EMPTY_OVERLAY, order.golden_hash)
    return True


async def _is_ahead(connection: AsyncConnection, found: FoundDirective) -> bool:
    current = await directives.current(connection, found.order.channel)
    order = found.order
    return current is None or (order.epoch, order.generation) > (current.epoch, current.generation)


async def _channels(connection: AsyncConnection, found: Found, ahead: Iterable[str], now_ms: int) -> list[str]:
    """Channels that the store did not know; one whose directive is ahead has that one's terms."""
    new = []
    for name in ahead:
        known = await channels.get(connection, name)
        await channels.save(connection, _terms(known or ChannelRecord(name=name, created_at=now_ms), found, name))
        new += [] if known else [name]
    for name in sorted({one.order.channel for one in found.assignments.values()}):
        if await channels.get(connection, name) is None:
            await channels.save(connection, ChannelRecord(name=name, created_at=now_ms))
            new.append(name)
    return new


def _terms(record: ChannelRecord, found: Found, name: str) -> ChannelRecord:
    order = found.directives[name].order
    ignored: list[dict[str, Any]] = [msgspec.to_builtins(one) for one in order.drift.ignore]
    return replace(
        record,
        drift_policy=order.drift.policy,
        drift_ignore=ignored,
        window=None if order.window is None else msgspec.to_builtins(order.window),
        beat_seconds=order.pace.beat_seconds,
        report_seconds=order.pace.report_seconds,
        keepalive_seconds=order.pace.keepalive_seconds,
        settle_seconds=order.pace.settle_seconds,
        # how many at once is in no order: one, until a person says it again
        herd=record.herd or ({"at_once": 1} if any(rule.turn for rule in order.rules) else None),
        download_bytes_per_second=order.pace.download_bytes_per_second,
    )


async def _assignments(
    connection: AsyncConnection, found: Iterable[FoundAssignment], now_ms: int
) -> tuple[list[str], list[str]]:
    """Devices that are new, and those whose assignment is newer."""
    new: list[str] = []
    newer: list[str] = []
    wanted = {one.order.device_id: one for one in found}
    known = await devices.get_many(connection, wanted)
    for device_id, one in wanted.items():
        before = known.get(device_id)
        if before is not None and (one.order.epoch, one.order.number) <= (before.epoch, before.number):
            continue
        await devices.save(connection, _device(before or _unknown_key(device_id, one, now_ms), one, now_ms))
        await status.add_blank(connection, device_id)
        (new if before is None else newer).append(str(device_id))
    return new, newer


def _unknown_key(device_id: str, found: FoundAssignment, now_ms: int) -> DeviceRecord:
    """A device whose enrolment is not in this store: its key is known again when it shows its certificate."""
    return DeviceRecord(
        device_id=device_id,
        key_sha256="",
        incarnation=1,
        quarantined=False,
        enrolled_at=min(found.order.issued_at, now_ms),
        channel="",
        labels={},
        overlay={},
        overlay_digest=EMPTY_OVERLAY,
        pin=None,
        tz="UTC",
        min_generation=0,
        epoch=0,
        number=0,
        assignment=b"",
        published_at=None,
    )


def _device(record: DeviceRecord, found: FoundAssignment, now_ms: int) -> DeviceRecord:
    order = found.order
    if (record.labels, record.overlay) != (order.labels, order.overlay):
        # what of it was a group's is not known: all counts as the device's own (decision 0025)
        record = replace(record, own_labels=None, own_overlay=None, layers=None)
    return replace(
        record,
        channel=order.channel,
        labels=dict(order.labels),
        overlay=order.overlay,
        overlay_digest=overlay_digest(order.overlay),
        pin=None if order.pin is None else msgspec.to_builtins(order.pin),
        turn=record.turn_over if order.turn is None else devices.turn_at(order.turn, order.issued_at),
        # whether it was used is not known: it counts until the device says so
        holds_turn=record.holds_turn or order.turn is not None,
        tz=order.tz,
        drift_terms=order.drift,
        min_generation=order.min_generation,
        epoch=order.epoch,
        number=order.number,
        assignment=found.envelope,
        published_at=now_ms,
    )


def _record(found: FoundDirective) -> DirectiveRecord:
    return record_of(found.order, found.envelope, found.payload, foreign=False)


def _counted(several: tuple[Any, ...], one: str, many: str) -> str:
    return f"{len(several)} {one if len(several) == 1 else many}" if several else ""
