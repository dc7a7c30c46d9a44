"""Which layer gave a golden value, who set it, and when: the release, a group, or the device's own values."""

from __future__ import annotations

from typing import Final

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncConnection

from pyv_fleet.core.group_layers import OWN, provenance
from pyv_fleet.core.views import ValueSource
from pyv_fleet.engine.ground import rfc3339
from pyv_fleet.engine.releases import provenance_of
from pyv_fleet.store import groups
from pyv_fleet.store.audit import AuditRecord
from pyv_fleet.store.devices import DeviceRecord
from pyv_fleet.store.records import one
from pyv_fleet.store.releases import ReleaseRecord
from pyv_fleet.store.schema import audit

_ASSIGNED: Final = "device.assign"


class Sources:
    """Where the values of one device come from; each layer is looked up once."""

    def __init__(self, connection: AsyncConnection, device: DeviceRecord, release: ReleaseRecord) -> None:
        self._connection = connection
        self._device = device
        self._release = release
        self._leaves = provenance(device.layers or (), device.values_of_its_own)
        self._known: dict[str, ValueSource] = {}

    async def of(self, pointer: str) -> ValueSource:
        """Of the value at a pointer: the overlay's leaf there, above or below it; else the release."""
        layer = next((name for leaf, name in self._leaves.items() if _overlap(leaf, pointer)), "")
        if layer not in self._known:
            self._known[layer] = await self._look(layer)
        return self._known[layer]

    async def _look(self, layer: str) -> ValueSource:
        if layer == OWN:
            return await self._own()
        return await self._group(layer.removeprefix("group ")) if layer else self._of_release()

    async def _own(self) -> ValueSource:
        """The last line of the audit log about its overlay; the assignment alone names only who signed it last."""
        subject = f"{self._device.device_id} %overlay of %"
        mine = select(audit).where(audit.c.act == _ASSIGNED).where(audit.c.subject.like(subject))
        line = await one(self._connection, mine.order_by(audit.c.seq.desc()).limit(1), AuditRecord)
        if line is None:
            return ValueSource(layer=OWN)
        return ValueSource(layer=OWN, set_by=line.actor, set_at=rfc3339(line.at), reason=line.reason)

    async def _group(self, name: str) -> ValueSource:
        record = await groups.get(self._connection, name)
        layer = f"group {name}"
        if record is None:
            return ValueSource(layer=layer)
        return ValueSource(
            layer=layer, set_by=record.changed_by, set_at=rfc3339(record.changed_at), reason=record.reason
        )  # fmt: skip

    def _of_release(self) -> ValueSource:
        """Who built it, by the signed statement that came with it; else who published it."""
        record, layer = self._release, f"release {self._release.version}"
        stated = provenance_of(record)
        if stated is None:
            return ValueSource(layer=layer, set_by=record.published_by, set_at=rfc3339(record.published_at))
        commit = None if stated.commit is None else stated.commit.id
        return ValueSource(layer=layer, set_by=stated.built_by, set_at=stated.built_at, commit=commit)


def _overlap(leaf: str, pointer: str) -> bool:
    return leaf == pointer or pointer.startswith(f"{leaf}/") or leaf.startswith(f"{pointer}/")
