"""Promotion: what one channel runs, after every wave was good, is rolled out on another by that one's own waves."""

from __future__ import annotations

from msgspec.structs import replace
from sqlalchemy.ext.asyncio import AsyncConnection

from pyv_fleet.core.views import PromoteBody, RolloutSpec, RolloutView
from pyv_fleet.engine.audit import AuditLog
from pyv_fleet.engine.channels import known_channel
from pyv_fleet.engine.errors import Conflict, Invalid
from pyv_fleet.engine.ground import Ground
from pyv_fleet.engine.interface import RolloutDesk
from pyv_fleet.engine.releases import known_release, provenance_of
from pyv_fleet.store import orders as directives
from pyv_fleet.store import releases, rollouts
from pyv_fleet.store.releases import ReleaseRecord


class Promotions:
    """Rolls out on one channel what another one has proved."""

    def __init__(self, ground: Ground, audit: AuditLog, running: RolloutDesk) -> None:
        self._ground = ground
        self._audit = audit
        self._rollouts = running

    async def promote(self, ref: str, body: PromoteBody, actor: str) -> RolloutView:
        """The rollout on the target channel. It begins with that channel's own canary, whatever was proved elsewhere.

        A release with the values of the source channel in it is not carried over: its sister is, that was built from
        the same files for the target. NotFound, Invalid; Conflict where it is not proved, or there is no sister.
        """
        if body.from_ == body.to:
            raise Invalid("from and to are the same", f"{body.to}: name two channels", ("to: another than from",))
        async with self._ground.database.read() as connection:
            for name in (body.from_, body.to):
                await known_channel(connection, name)
            proved = await _named(connection, ref, body.from_)
            doubt = await _doubt(connection, proved, body.from_)
            if doubt is not None and not body.anyway:
                raise Conflict(
                    f"not proved in {body.from_}", f"{proved.version}: {doubt}; --anyway promotes it nevertheless"
                )
            release = await _for_channel(connection, proved, body.to)
            why = f"{body.reason} (promoted from {body.from_}" + (f", though {doubt})" if doubt else ")")
            spec = RolloutSpec(channel=body.to, release=release.digest, reason=why)
            if await directives.current(connection, body.to) is None:
                spec = replace(spec, waves=("100%",))  # a channel's first release has nobody to stay behind (ADR 0009)
        made = await self._rollouts.create(spec, actor, None)
        async with self._ground.database.begin() as connection:
            subject = f"{proved.version} from {body.from_} to {body.to} as {release.version}, rollout {made.id}"
            await self._audit.record(connection, actor=actor, act="release.promote", subject=subject, reason=why)
        return made


async def _named(connection: AsyncConnection, ref: str, source: str) -> ReleaseRecord:
    """A release by version or digest; by the version in its release.toml too, if its channel is the source."""
    found = await releases.get(connection, ref) or await releases.get(connection, f"{ref}+{source}")
    return found if found is not None else await known_release(connection, ref)


async def _doubt(connection: AsyncConnection, release: ReleaseRecord, source: str) -> str | None:
    """What speaks against that the source proved it; none if nothing does."""
    current = await directives.current(connection, source)
    if current is None or current.rules[-1].release != release.digest:
        return f"it is not what {source} runs"
    if any(rule.hold for rule in current.rules) or await rollouts.open_ones(connection, source):
        return f"a rollout is under way in {source}, or a part of it is held on another release"
    ended = await rollouts.completed(connection, source, release.digest)
    return None if ended else f"no rollout of it was completed in {source}"


async def _for_channel(connection: AsyncConnection, proved: ReleaseRecord, target: str) -> ReleaseRecord:
    """The release itself, or the one from the same files with the target's layer in it."""
    said = provenance_of(proved)
    if said is None or said.channel is None or said.channel == target:
        return proved
    for one in await releases.every(connection):
        other = provenance_of(one)
        if other is not None and (other.tree, other.channel, other.version) == (said.tree, target, said.version):
            return one
    raise Conflict(
        "it carries another channel's values",
        f"{proved.version} was built with the layer of {said.channel}, and no release from the same files with that of "
        f"{target} is here: pyv-fleet release build DIR --channel {target}, then sign and upload it",
    )
