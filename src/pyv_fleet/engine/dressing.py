"""A device's labels and overlay, made of its own and of what its groups give it; in the caller's transaction."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

from msgspec.structs import replace
from sqlalchemy.ext.asyncio import AsyncConnection

from pyv_fleet.core.drift_ignores import IgnoreRefused, joined, rules_in
from pyv_fleet.core.group_layers import Layer, composed, joined_labels, ordered
from pyv_fleet.core.groups import belongs
from pyv_fleet.core.labels import LABELS_MAX
from pyv_fleet.core.words import GroupState
from pyv_fleet.engine.errors import Invalid
from pyv_fleet.engine.overlays import OverlayFits
from pyv_fleet.store import groups
from pyv_fleet.store.devices import DeviceRecord
from pyv_fleet.store.groups import GroupRecord, MemberRecord
from pyvorin_edge.orders import OwnDriftTerms

log = logging.getLogger(__name__)


class Dressed(NamedTuple):
    """A device as it should be, and its rows in groups; `keep` stores those, once the device itself is stored."""

    device: DeviceRecord
    inside: tuple[MemberRecord, ...] = ()
    outside: tuple[str, ...] = ()
    #: groups that were settled, and are not with this device in them
    unsettled: tuple[GroupRecord, ...] = ()

    async def keep(self, connection: AsyncConnection) -> None:
        """Store who is in which group now."""
        for row in self.inside:
            await groups.put_member(connection, row)
        for name in self.outside:
            await groups.drop_member(connection, name, self.device.device_id)
        for group in self.unsettled:
            because = f"{self.device.device_id} came in"
            await groups.save(connection, replace(group, state=GroupState.STEPPING, because=because))


async def newcomer(connection: AsyncConnection, device: DeviceRecord) -> Dressed:
    """A device that enrols, dressed; what does not fit it never keeps it out: its group's steps then say so."""
    try:
        done = await dressed(connection, device)
    except Invalid as why:
        log.warning("%s is in none of its groups: %s", device.device_id, why)
        return Dressed(device)
    try:
        await OverlayFits(connection).refuse(done.device)
    except Invalid:
        bare = replace(done.device, overlay=done.device.values_of_its_own, layers=())
        every = {one.name: one for one in await groups.every(connection)}
        rows = tuple(replace(row, revision=0) for row in done.inside)
        return Dressed(bare, rows, done.outside, _unsettled([every[row.group_name] for row in rows], rows))
    return done


async def dressed(
    connection: AsyncConnection,
    device: DeviceRecord,
    *,
    own_labels: dict[str, str] | None = None,
    own_overlay: dict[str, Any] | None = None,
) -> Dressed:
    """One device as it should be with these labels and values of its own: it joins and leaves groups at once.

    A late joiner gets what all members had before a change that is under way, and is then behind like them.
    Invalid if it would bear more labels than an assignment carries.
    """
    labels = device.labels_of_its_own if own_labels is None else own_labels
    overlay = device.values_of_its_own if own_overlay is None else own_overlay
    known = await groups.every(connection)
    rows = await groups.of_device(connection, device.device_id)
    inside = [group for group in known if not group.leaving and belongs(group.spec, device.device_id, labels)]
    if not inside and not rows:
        return Dressed(
            replace(
                device, labels=labels, overlay=overlay, own_labels=None, own_overlay=None, layers=None, drift_terms=None
            )
        )
    names = {group.name for group in inside}
    layers = {layer.group: layer for layer in device.layers or () if layer.group in names}
    for group in inside:
        if group.name not in rows and group.settled.revision:
            layers[group.name] = settled_layer(group)
    joined = tuple(_joined(group, rows.get(group.name), device.device_id) for group in inside)
    return Dressed(
        made_of(device, labels, overlay, layers.values(), inside),
        joined,
        tuple(rows.keys() - names),
        _unsettled(inside, joined),
    )


def with_values(device: DeviceRecord, group: GroupRecord, member: bool) -> DeviceRecord:
    """A device that is given the group's present values, or from whom they are taken; its labels stay."""
    others = [layer for layer in device.layers or () if layer.group != group.name]
    mine = [present_layer(group)] if member and group.revision else []
    layers = ordered([*others, *mine])
    own = device.values_of_its_own
    return replace(
        device,
        layers=layers,
        own_labels=device.labels_of_its_own,
        own_overlay=own,
        overlay=composed(layers, own),
    )


def with_labels(device: DeviceRecord, inside: Iterable[GroupRecord]) -> DeviceRecord:
    """A device with the labels of the groups that it is in, and its own, and what they say about drift; its values
    stay."""
    own, groups_ = device.labels_of_its_own, list(inside)
    return replace(
        device,
        labels=_labels(device.device_id, own, groups_),
        own_labels=own,
        drift_terms=_drift(device.device_id, groups_),
    )


def made_of(
    device: DeviceRecord,
    own_labels: dict[str, str],
    own_overlay: dict[str, Any],
    layers: Iterable[Layer],
    inside: Sequence[GroupRecord],
) -> DeviceRecord:
    """The device, made of these parts."""
    laid = ordered(layers)
    return replace(
        device,
        own_labels=own_labels,
        own_overlay=own_overlay,
        layers=laid,
        labels=_labels(device.device_id, own_labels, inside),
        overlay=composed(laid, own_overlay),
        drift_terms=_drift(device.device_id, inside),
    )


def present_layer(group: GroupRecord) -> Layer:
    """What a group gives now."""
    return Layer(group=group.name, priority=group.spec.priority, revision=group.revision, values=group.spec.values)


def settled_layer(group: GroupRecord) -> Layer:
    """What all its members had before the last change."""
    before = group.settled
    return Layer(group=group.name, priority=before.priority, revision=before.revision, values=before.values)


def _joined(group: GroupRecord, row: MemberRecord | None, device_id: str) -> MemberRecord:
    if row is not None:
        return replace(row, member=True, labels_revision=group.labels_revision)
    return MemberRecord(
        group_name=group.name,
        device_id=device_id,
        member=True,
        revision=group.settled.revision,
        labels_revision=group.labels_revision,
    )


def _unsettled(inside: Iterable[GroupRecord], rows: Iterable[MemberRecord]) -> tuple[GroupRecord, ...]:
    """Settled groups of which a member has not the present values: nobody had proved them, or they do not fit it."""
    revisions = {row.group_name: row.revision for row in rows}
    return tuple(
        group for group in inside if group.state is GroupState.SETTLED and revisions[group.name] != group.revision
    )


def _labels(device_id: str, own: Mapping[str, str], inside: Iterable[GroupRecord]) -> dict[str, str]:
    labels = joined_labels([(one.spec.priority, one.name, one.spec.labels) for one in inside], own)
    if len(labels) > LABELS_MAX:
        said = f"{device_id} would bear {len(labels)} labels with those of its groups, {LABELS_MAX} at most"
        raise Invalid("labels", said, (said,))
    return labels


def _drift(device_id: str, inside: Iterable[GroupRecord]) -> OwnDriftTerms | None:
    said = [(one.spec.priority, one.name, one.spec.drift) for one in inside]
    try:
        return joined((priority, name, terms.policy, rules_in(terms)) for priority, name, terms in said)
    except IgnoreRefused as why:
        raise Invalid("drift", f"{device_id}: {why}", why.errors) from None
