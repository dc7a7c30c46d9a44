"""What setting a group would do: its record, who comes in, who leaves, and whether each could obey; changes nothing."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from msgspec.structs import replace
from sqlalchemy.ext.asyncio import AsyncConnection

from pyv_fleet.core.etags import etag_of
from pyv_fleet.core.groups import belongs
from pyv_fleet.core.views import GroupSpec
from pyv_fleet.core.words import GroupState
from pyv_fleet.engine.dressing import with_labels, with_values
from pyv_fleet.engine.overlays import OverlayFits
from pyv_fleet.store import devices, groups
from pyv_fleet.store.groups import GroupRecord, MemberRecord, Settled

OLD_LABELS = -1
"""The labels revision of a row whose device must be labelled anew."""


@dataclass
class Change:
    """What setting a group would do, before it is done."""

    record: GroupRecord
    #: rows that are new, and rows that change
    added: list[MemberRecord] = field(default_factory=list)
    changed: list[MemberRecord] = field(default_factory=list)
    members: int = 0
    behind: int = 0


async def change_of(connection: AsyncConnection, name: str, known: GroupRecord | None, spec: GroupSpec) -> Change:
    """What setting it would do: the record, and every row that it makes or changes."""
    rows = await groups.members_of(connection, name)
    record = _record(name, known, spec, [row.revision for row in rows.values()])
    change = Change(record)
    for device in await devices.every(connection):
        row = rows.get(device.device_id)
        if belongs(spec, device.device_id, device.labels_of_its_own):
            change.members += 1
            if row is None:
                row = _newcomer(name, device.device_id)
                change.added.append(row)
            elif not row.member:
                row = replace(row, member=True, labels_revision=OLD_LABELS)
                change.changed.append(row)
        elif row is not None and row.member:
            row = replace(row, member=False, labels_revision=OLD_LABELS)
            change.changed.append(row)
        change.behind += row is not None and is_behind(record, row)
    if not change.behind:
        record = settled(change.record, "every member has its values")
        # values that nobody has were proved by nobody: who comes in later is the canary
        change.record = record if change.members else replace(record, because="nobody is in", settled=known_good(known))
    return change


async def refuse_unfit(connection: AsyncConnection, change: Change) -> None:
    """Invalid for the first member whose releases would not take its overlay, or that has too many labels."""
    fits = OverlayFits(connection)
    every = await groups.every(connection)
    beside: dict[str, list[GroupRecord]] = {}
    for other in every:
        if other.name != change.record.name:
            for row in (await groups.members_of(connection, other.name)).values():
                if row.member:
                    beside.setdefault(row.device_id, []).append(other)
    for device in await devices.every(connection):
        if belongs(change.record.spec, device.device_id, device.labels_of_its_own):
            with_labels(device, [*beside.get(device.device_id, ()), change.record])
            await fits.refuse(with_values(device, change.record, member=True))


def known_good(known: GroupRecord | None) -> Settled:
    """What all members had before."""
    return Settled() if known is None else known.settled


def is_behind(group: GroupRecord, row: MemberRecord) -> bool:
    """Whether a device is not yet as its group says."""
    wanted = group.revision if row.member else 0
    return row.revision != wanted or row.labels_revision != group.labels_revision


def settled(record: GroupRecord, because: str) -> GroupRecord:
    """The group when all have its values."""
    return replace(
        record,
        state=GroupState.SETTLED,
        because=because,
        back=False,
        settled=Settled(revision=record.revision, priority=record.spec.priority, values=record.spec.values),
    )


def _record(name: str, known: GroupRecord | None, spec: GroupSpec, given: list[int]) -> GroupRecord:
    """The group with its next revision, or with the settled one if it says what all members had."""
    before = known_good(known)
    revision, back = 0 if known is None else known.revision, False
    said = _values_of(spec.values, spec.priority)
    if known is None or _values_of(known.spec.values, known.spec.priority) != said:
        back = _values_of(before.values, before.priority) == said and before.revision > 0
        highest = max([revision, before.revision, *given])
        nothing = known is None and not spec.values
        revision = before.revision if back else 0 if nothing else highest + 1
    labels_revision = 0 if known is None else known.labels_revision
    if known is None or _at_once(known.spec) != _at_once(spec):
        labels_revision += 1
    return GroupRecord(
        name=name,
        spec=spec,
        state=GroupState.STEPPING,
        because="its steps begin",
        leaving=False,
        revision=revision,
        labels_revision=labels_revision,
        settled=before,
        back=back,
        reason="",
        changed_by="",
        changed_at=0,
    )


def _values_of(values: dict[str, Any], priority: int | None) -> str:
    """To compare by: in Python `1`, `1.0` and `True` are equal, in a config they are not."""
    return etag_of((values, priority))


def _at_once(spec: GroupSpec) -> tuple[object, ...]:
    """What members get with their labels, at once."""
    return spec.labels, spec.drift, spec.priority


def stepping(record: GroupRecord) -> GroupRecord:
    """The group as its steps begin."""
    return replace(record, state=GroupState.STEPPING, because="its steps begin")


def _newcomer(name: str, device_id: str) -> MemberRecord:
    return MemberRecord(group_name=name, device_id=device_id, member=True, revision=0, labels_revision=OLD_LABELS)
