"""Groups for people and programs: set, looked at, taken back; checked whole before anything is changed."""

from __future__ import annotations

import re

from msgspec.structs import replace
from sqlalchemy.ext.asyncio import AsyncConnection

from pyv_fleet.core.etags import NOTHING, etag_of
from pyv_fleet.core.groups import GroupRefused, refuse_group
from pyv_fleet.core.views import GroupBody, GroupMemberView, GroupSpec, GroupVerb, GroupView, Page
from pyv_fleet.core.words import AlertName, GroupState
from pyv_fleet.engine.alerting import Alerting
from pyv_fleet.engine.audit import AuditLog
from pyv_fleet.engine.errors import Conflict, Invalid, NotFound, refuse_unseen
from pyv_fleet.engine.goldens import Goldens
from pyv_fleet.engine.ground import Ground, rfc3339
from pyv_fleet.engine.group_changes import OLD_LABELS, change_of, refuse_unfit, stepping
from pyv_fleet.engine.group_standing import standings
from pyv_fleet.store import groups
from pyv_fleet.store.groups import GroupRecord

_NAME = re.compile(r"[a-z0-9][a-z0-9-]{0,31}")


class Groups:
    """Sets groups; what that means for their members goes out in steps (group_steps.py)."""

    def __init__(self, ground: Ground, goldens: Goldens, alerting: Alerting, audit: AuditLog) -> None:
        self._ground = ground
        self._goldens = goldens
        self._alerting = alerting
        self._audit = audit

    async def every(self) -> tuple[GroupView, ...]:
        """All groups by name."""
        async with self._ground.database.read() as connection:
            return tuple([await _view(connection, record) for record in await groups.every(connection)])

    async def get(self, name: str) -> GroupView:
        """One group; NotFound."""
        async with self._ground.database.read() as connection:
            return await _view(connection, await known_group(connection, name))

    async def members(self, name: str, after: str | None, limit: int) -> Page[GroupMemberView]:
        """Who is in, and how each does with what it was given; NotFound."""
        async with self._ground.database.read() as connection:
            group = await known_group(connection, name)
            rows, more, total = await groups.find_members(connection, name, after, limit)
            found = await standings(connection, self._goldens, rows, self._ground.clock())
        items = tuple(
            GroupMemberView(
                device_id=row.device_id,
                member=row.member,
                current=row.revision == (group.revision if row.member else 0),
                standing=found.get(row.device_id) if row.given_at is not None else None,
            )
            for row in rows
        )
        return Page(items=items, next=items[-1].device_id if more else None, total=total)

    async def put(self, name: str, body: GroupBody, actor: str, *, seen: str | None = None) -> GroupView:
        """Make it, or set it whole; the same again does nothing. With `dry_run` only what it would touch.

        Invalid for a group that cannot be, or whose values a member's release would not take; Conflict if the devices
        touched are not so many as expected; Stale if something else stands than `seen`.
        """
        _refuse(name, body.spec)
        async with self._ground.database.begin() as connection:
            known = await groups.get(connection, name)
            refuse_unseen(f"group {name}", seen, NOTHING if known is None else _etag(known))
            if known is not None and etag_of(known.spec) == etag_of(body.spec) and not known.leaving:
                return await _view(connection, known)
            change = await change_of(connection, name, known, body.spec)
            await refuse_unfit(connection, change)
            if body.expect_count is not None and body.expect_count != change.behind:
                raise Conflict(
                    "not as many devices as expected",
                    f"it would touch {change.behind} devices, {body.expect_count} were expected: nothing was done",
                )
            if body.dry_run:
                return view_of(self._told(change.record, body.reason, actor), change.members, change.behind)
            act = "group.create" if known is None else "group.change"
            await self._begin(connection, self._told(change.record, body.reason, actor), act)
            await groups.add_members(connection, change.added)
            for row in change.changed:
                await groups.put_member(connection, replace(row, given_at=None, good_at=None, excused=False))
        self._ground.changes.ring("groups")
        return await self.get(name)

    async def delete(self, name: str, verb: GroupVerb, actor: str) -> GroupView:
        """Its labels go at once, its values in steps, and then the group; said again, nothing. NotFound, Conflict."""
        async with self._ground.database.begin() as connection:
            known = await known_group(connection, name)
            members, _ = await groups.counts(connection, known)
            if verb.expect_count is not None and verb.expect_count != members:
                raise Conflict(
                    "not as many members as expected",
                    f"{name} has {members} members, {verb.expect_count} were expected: nothing was done",
                )
            if known.leaving:
                return await _view(connection, known)
            record = self._told(stepping(replace(known, leaving=True, back=False)), verb.reason, actor)
            await self._begin(connection, record, "group.delete")
            await groups.set_all(connection, name, {"member": False, "labels_revision": OLD_LABELS})
        self._ground.changes.ring("groups")
        return view_of(record, 0, members)

    async def revert(self, name: str, verb: GroupVerb, actor: str) -> GroupView:
        """Back to the values that all members had before the last change, at once. NotFound, Conflict if there is
        nothing to go back from."""
        async with self._ground.database.begin() as connection:
            known = await known_group(connection, name)
            if known.revision == known.settled.revision or known.leaving:
                raise Conflict("nothing to go back from", f"every member of {name} has the values it had before")
            before = known.settled
            spec = replace(known.spec, values=before.values, priority=before.priority or known.spec.priority)
            record = replace(known, spec=spec, revision=before.revision, back=True)
            await self._begin(connection, self._told(stepping(record), verb.reason, actor), "group.revert")
        self._ground.changes.ring("groups")
        return await self.get(name)

    async def resume(self, name: str, verb: GroupVerb, actor: str) -> GroupView:
        """Go on without the members that stopped it. NotFound, Conflict if it did not stop."""
        async with self._ground.database.begin() as connection:
            known = await known_group(connection, name)
            if known.state is not GroupState.STOPPED:
                raise Conflict("nothing to resume", f"{name} has not stopped: {known.because}")
            late = [row.device_id for row in await groups.given(connection, name) if row.good_at is None]
            await groups.set_members(connection, name, late, excused=True)
            record = replace(known, state=GroupState.STEPPING, because="goes on", reason=verb.reason, changed_by=actor)
            await groups.save(connection, record)
            await self._alerting.resolve(connection, AlertName.GROUP_STOPPED, name)
            await self._audit.record(connection, actor=actor, act="group.resume", subject=name, reason=verb.reason)
        self._ground.changes.ring("groups")
        return await self.get(name)

    def _told(self, record: GroupRecord, reason: str, actor: str) -> GroupRecord:
        """Who changed it last, when and why."""
        return replace(record, reason=reason, changed_by=actor, changed_at=self._ground.clock())

    async def _begin(self, connection: AsyncConnection, record: GroupRecord, act: str) -> None:
        """Steps begin anew."""
        await groups.save(connection, record)
        await groups.set_all(connection, record.name, {"given_at": None, "good_at": None, "excused": False})
        await self._alerting.resolve(connection, AlertName.GROUP_STOPPED, record.name)
        await self._audit.record(
            connection, actor=record.changed_by, act=act, subject=record.name, reason=record.reason
        )


async def known_group(connection: AsyncConnection, name: str) -> GroupRecord:
    """A group; NotFound says how to make one."""
    found = await groups.get(connection, name)
    if found is None:
        raise NotFound("no such group", f"{name!r}; make it with: pyv-fleet group set NAME")
    return found


def view_of(record: GroupRecord, members: int, behind: int) -> GroupView:
    """As the API shows it."""
    return GroupView(
        name=record.name,
        spec=record.spec,
        state=record.state,
        because=record.because,
        leaving=record.leaving,
        members=members,
        behind=behind,
        revision=record.revision,
        values_before=record.settled.values,
        reason=record.reason,
        changed_by=record.changed_by,
        changed_at=rfc3339(record.changed_at),
        etag=_etag(record),
    )


def _etag(record: GroupRecord) -> str:
    return etag_of((record.spec, record.leaving))


async def _view(connection: AsyncConnection, record: GroupRecord) -> GroupView:
    return view_of(record, *await groups.counts(connection, record))


def _refuse(name: str, spec: GroupSpec) -> None:
    if not _NAME.fullmatch(name):
        said = f"group {name!r}: lower-case letters, digits and '-', at most 32, the first no '-'"
        raise Invalid("not a group's name", said, (said,))
    try:
        refuse_group(spec)
    except GroupRefused as why:
        raise Invalid("the group cannot be", str(why), why.errors) from None
