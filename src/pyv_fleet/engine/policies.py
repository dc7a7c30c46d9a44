"""Policies: set, shown, and taken away while no channel names them."""

from __future__ import annotations

import re
from typing import Final

import msgspec
from sqlalchemy.ext.asyncio import AsyncConnection

from pyv_fleet.core.etags import NOTHING, etag_of
from pyv_fleet.core.policy import Policy, PolicyError, wave_terms
from pyv_fleet.core.views import PolicyView
from pyv_fleet.core.waves import WaveError, parse_waves
from pyv_fleet.engine.audit import AuditLog
from pyv_fleet.engine.errors import Conflict, Invalid, NotFound, refuse_unseen
from pyv_fleet.engine.ground import Ground, rfc3339
from pyv_fleet.store import channels, policies
from pyv_fleet.store.policies import PolicyRecord

NAME: Final = re.compile(r"[a-z0-9][a-z0-9-]{0,63}")


class Policies:
    """Named terms of rollouts; what runs already keeps the terms that it was made with."""

    def __init__(self, ground: Ground, audit: AuditLog) -> None:
        self._ground = ground
        self._audit = audit

    async def every(self) -> tuple[PolicyView, ...]:
        """All, by name."""
        async with self._ground.database.read() as connection:
            return tuple([await _view(connection, record) for record in await policies.every(connection)])

    async def get(self, name: str) -> PolicyView:
        """One; NotFound."""
        async with self._ground.database.read() as connection:
            return await _view(connection, await _known(connection, name))

    async def put(
        self, name: str, terms: Policy, actor: str, *, reason: str = "", seen: str | None = None
    ) -> PolicyView:
        """Made, or set; the same again changes nothing.

        Invalid for a name or for waves that cannot be; Stale if something else stands than `seen`.
        """
        if NAME.fullmatch(name) is None:
            raise Invalid("not a policy's name", f"{name!r}: small letters, digits and '-', at most 64", ("name",))
        _refuse(terms)
        async with self._ground.database.begin() as connection:
            known = await policies.get(connection, name)
            stands = NOTHING if known is None else etag_of(msgspec.convert(known.terms, Policy))
            refuse_unseen(f"policy {name}", seen, stands)
            said = msgspec.json.decode(msgspec.json.encode(terms))
            if known is None or known.terms != said:
                record = PolicyRecord(name=name, terms=said, changed_by=actor, changed_at=self._ground.clock())
                await policies.save(connection, record)
                act = "policy.create" if known is None else "policy.change"
                why = ": ".join(part for part in (reason, _changed(known, said) or "made") if part)
                await self._audit.record(connection, actor=actor, act=act, subject=name, reason=why)
        return await self.get(name)

    async def delete(self, name: str, actor: str, reason: str = "") -> None:
        """Gone; NotFound, Conflict while a channel names it."""
        async with self._ground.database.begin() as connection:
            found = await _view(connection, await _known(connection, name))
            if found.channels:
                raise Conflict("in use", f"channel {found.channels[0]} names {name}: set another one there first")
            await policies.delete(connection, name)
            await self._audit.record(
                connection, actor=actor, act="policy.delete", subject=name, reason=reason or "deleted"
            )


def _refuse(terms: Policy) -> None:
    try:
        parse_waves([wave_terms(one).cohort for one in terms.waves])
    except (WaveError, PolicyError) as why:
        raise Invalid("waves", str(why), (f"waves: {why}",)) from None


def _changed(before: PolicyRecord | None, after: dict[str, object]) -> str:
    if before is None:
        return ""
    return ", ".join(f"{key} from {before.terms.get(key)} to {value}" for key, value in after.items()
                     if before.terms.get(key) != value)[:512]  # fmt: skip


async def _known(connection: AsyncConnection, name: str) -> PolicyRecord:
    found = await policies.get(connection, name)
    if found is None:
        raise NotFound("no such policy", f"{name!r}; make it with: pyv-fleet policy set NAME FILE")
    return found


async def _view(connection: AsyncConnection, record: PolicyRecord) -> PolicyView:
    terms = msgspec.convert(record.terms, Policy)
    return PolicyView(
        name=record.name,
        terms=terms,
        etag=etag_of(terms),
        changed_by=record.changed_by,
        changed_at=rfc3339(record.changed_at),
        channels=tuple(one.name for one in await channels.every(connection) if one.policy == record.name),
    )
