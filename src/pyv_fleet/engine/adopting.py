"""A device's own change taken over: looked at by key path, what the release opens set as the device's own values."""

from __future__ import annotations

from collections.abc import Callable

from sqlalchemy.ext.asyncio import AsyncConnection

from pyv_fleet.core.adopting import Adoption, adoption
from pyv_fleet.core.drift_ignores import in_force, rules_of
from pyv_fleet.core.group_layers import composed
from pyv_fleet.core.views import AdoptBody, AdoptedView, AdoptionView, DevicePatch
from pyv_fleet.core.words import AdoptWay
from pyv_fleet.engine.assignments import Assignments, known_device
from pyv_fleet.engine.audit import AuditLog
from pyv_fleet.engine.drift_documents import Documents, Live, base_of
from pyv_fleet.engine.errors import Conflict, TimedOut
from pyv_fleet.engine.goldens import Goldens
from pyv_fleet.engine.ground import Ground
from pyv_fleet.engine.releases import release_of
from pyv_fleet.store import channels
from pyv_fleet.store.releases import ReleaseRecord
from pyv_fleet.store.status import Known
from pyvorin_edge.config.layers import merge_patch
from pyvorin_edge.config.redaction import redact, shown_at
from pyvorin_edge.vocabulary import Standing


class Adoptions:
    """What the release does not open goes into a new one, which only the release key signs: not done here."""

    def __init__(
        self, ground: Ground, goldens: Goldens, documents: Documents, assignments: Assignments, audit: AuditLog
    ) -> None:
        self._ground = ground
        self._goldens = goldens
        self._documents = documents
        self._assignments = assignments
        self._audit = audit

    async def look(self, device_id: str) -> AdoptionView:
        """What its change would be. NotFound, Conflict if it did not drift or lags, TimedOut if it does not answer."""
        async with self._ground.database.read() as connection:
            await self._drifted(connection, device_id)
        live = await self._documents.live(device_id)
        if live is None or live.hash is None:
            raise TimedOut("no answer", f"{device_id} did not send its live config; is it online?")
        async with self._ground.database.read() as connection:
            known, record = await self._drifted(connection, device_id)
            base = await base_of(connection, record.digest)
            if base is None:
                raise Conflict("not known", f"the config of {record.version} is not in this store")
            return _view(known, record, live, base[1], await _ignored(connection, known, self._ground.clock()))

    async def adopt(self, device_id: str, body: AdoptBody, actor: str) -> AdoptionView:
        """Its own values set so that what the release opens is golden. As `look`; Invalid for what it would reject,
        Conflict if the change is another by now, or not all of it can be taken over and that was not allowed."""
        found = await self.look(device_id)
        if found.live_hash != body.live_hash:
            raise Conflict("it changed meanwhile", f"the live config of {device_id} is another by now: look again")
        others = [one.pointer for one in found.keys if one.way is not AdoptWay.OWN]
        if len(others) == len(found.keys):
            raise Conflict("nothing to take over", f"release {found.version} opens none of {', '.join(others)}")
        if others and not body.partly:
            said = f"{device_id} would write over its own {', '.join(others)}: allow that, or make a release of them"
            raise Conflict("not all of it can be taken over", said)
        patch = DevicePatch(overlay=found.own, if_number=found.number, reason=f"drift adopted: {body.reason}"[:512])
        after = await self._assignments.change(device_id, patch, actor)
        async with self._ground.database.begin() as connection:
            taken = ", ".join(one.pointer for one in found.keys if one.way is AdoptWay.OWN)
            await self._audit.record(
                connection, actor=actor, act="drift.adopt", subject=f"{device_id} {taken}", reason=body.reason
            )
        return AdoptionView(**{name: getattr(found, name) for name in found.__struct_fields__} | {
            "number": after.number, "applied": True
        })  # fmt: skip

    async def _drifted(self, connection: AsyncConnection, device_id: str) -> tuple[Known, ReleaseRecord]:
        known = await known_device(connection, device_id)
        look = await self._goldens.look_at(connection, [known], self._ground.clock())
        target = look.target(known)
        match look.standing(known, target):
            case Standing.DRIFTED if target is not None:
                pass
            case Standing.BOTH | Standing.LAGGING:
                raise Conflict("it lags", f"{device_id} does not run what is golden yet: let it settle first")
            case Standing.IN_STEP:
                raise Conflict("it has not drifted", f"{device_id} runs what was applied")
            case _:
                raise Conflict("not known", f"what {device_id} should run, or what it runs, is not known")
        found = await base_of(connection, target.release)
        if found is None:
            raise Conflict("not known", f"the release of {device_id} is not in this store")
        return known, found[0]


async def _ignored(connection: AsyncConnection, known: Known, now_ms: int) -> Callable[[str], bool]:
    """Whether a path is ignored on the device."""
    channel = await channels.get(connection, known.device.channel)
    rules = () if channel is None else in_force(rules_of(channel.drift_ignore), now_ms)
    own = known.device.drift_terms
    pointers = [rule.pointer for rule in rules] + [
        rule.pointer for rule in (own.ignore if own else ()) if rule.until > now_ms
    ]
    return lambda path: any(path == one or path.startswith(f"{one}/") for one in pointers)


def _view(
    known: Known, record: ReleaseRecord, live: Live, base: dict[str, object], ignored: Callable[[str], bool]
) -> AdoptionView:
    device = known.device
    layers = device.layers or ()
    found: Adoption = adoption(
        base=base,
        overlay=device.overlay,
        own=device.values_of_its_own,
        live=live.document,
        reported=known.status.drift_paths,
        open_pointers=release_of(record).open,
        composed=lambda own: composed(layers, own),
        ignored=ignored,
    )
    golden = redact(merge_patch(base, device.overlay))
    return AdoptionView(
        device_id=device.device_id,
        channel=device.channel,
        number=device.number,
        live_hash=live.hash or "",
        release=record.digest,
        version=record.version,
        keys=tuple(
            AdoptedView(
                pointer=one.pointer,
                way=one.way,
                why=one.why,
                golden=shown_at(golden, one.pointer),
                live=shown_at(live.document, one.pointer),
            )
            for one in found.keys
        ),
        own=found.own,
        patch=found.patch,
        whole=found.whole,
    )
