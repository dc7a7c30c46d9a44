"""Hands out turns: who may begin a release now, so that a channel's herd is kept (core/turns.py, ADR 0029).

Level-triggered from the store: a turn is stored with its assignment before that is published, so a restart counts the
same devices and gives nobody's place away. Turns are no acts of people: the log has them, the audit log has not.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Sequence
from typing import Final

import msgspec
from msgspec.structs import replace
from sqlalchemy.ext.asyncio import AsyncConnection

from pyv_fleet.core.policy import Herd
from pyv_fleet.core.turns import AT_WORK, Asking, Flight, counted, fate, next_turns, value_of
from pyv_fleet.core.words import TurnFate
from pyv_fleet.engine import statuses
from pyv_fleet.engine.goldens import assignment_of, committed_of
from pyv_fleet.engine.ground import Ground
from pyv_fleet.engine.interface import Heard
from pyv_fleet.engine.orders import Orders, directive_of
from pyv_fleet.store import channels, devices, status
from pyv_fleet.store import orders as directives
from pyv_fleet.store.devices import DeviceRecord
from pyv_fleet.store.status import Asks, Known
from pyvorin_edge.drift import lags
from pyvorin_edge.identity import ChannelName, DeviceId, Digest, FleetName
from pyvorin_edge.orders import Assignment, Directive, Grant, Target, golden
from pyvorin_edge.turns import turn_for
from pyvorin_edge.vocabulary import Connectivity, Phase, WaitingFor

log = logging.getLogger(__name__)

LOOK_MS: Final = 5_000
"""A channel of whose devices nothing was heard is looked at so often all the same: silence ends turns, too."""
AT_ONCE: Final = 100
"""Assignments in one transaction, so that reports are not kept waiting."""
ACTOR: Final = "controller"
_ENDS: Final = (TurnFate.USED, TurnFate.ENDED, TurnFate.FORGOTTEN)


class Sight(msgspec.Struct, frozen=True, kw_only=True):
    """What a look at a channel showed, and so what is to be done."""

    directive: Directive
    #: assignments that are signed anew without their turn, and whether the device still counts
    taken_back: tuple[tuple[DeviceRecord, bool], ...] = ()
    #: who is through with its turn
    ended: tuple[str, ...] = ()
    #: who is given one
    given: tuple[tuple[str, Grant], ...] = ()


class Turns:
    """One look at a time. Wire `heard` as an observer of the intake; call `tick` every half second."""

    def __init__(self, ground: Ground, orders: Orders, hearing: Callable[[], bool], since: Callable[[], int]) -> None:
        self._ground = ground
        self._orders = orders
        #: whether devices can be heard: a silence of ours ends no turn
        self._hearing = hearing
        #: Unix ms since when
        self._since = since
        self._touched: set[str] = set()
        self._next: dict[str, int] = {}
        #: the directive by which each channel was looked at last
        self._seen: dict[str, tuple[int, int]] = {}

    async def heard(self, batch: Sequence[Heard]) -> None:
        """Who asks for a turn, holds one or begins or ends its work: its channel is looked at with the next tick."""
        self._touched |= {one.device.channel for one in batch if _matters(one)}

    async def tick(self) -> None:
        """Every channel with a herd that is due: turns end, are taken back and given."""
        if self._orders.held or not self._hearing():
            return
        now = self._ground.clock()
        touched, self._touched = self._touched, set()
        async with self._ground.database.read() as connection:
            found = [one.name for one in await channels.every(connection) if one.herd is not None]
        for channel in found:
            if channel in touched or self._next.get(channel, 0) <= now:
                self._next[channel] = now + LOOK_MS
                await self._look(channel)

    async def _look(self, channel: str) -> None:
        await self._count_again(channel)
        async with self._ground.database.read() as connection:
            seen = await self._sight(connection, channel)
        if seen is None or not (seen.taken_back or seen.ended or seen.given):
            return
        if seen.ended:
            async with self._ground.database.begin() as connection:
                await devices.end_turns(connection, seen.ended)
        for at in range(0, len(seen.taken_back), AT_ONCE):
            await self._take_back(seen.taken_back[at : at + AT_ONCE])
        given = 0
        for at in range(0, len(seen.given), AT_ONCE):
            given += await self._give(seen.directive, dict(seen.given[at : at + AT_ONCE]))
        if given or seen.taken_back:
            log.info("channel %s: %d turns given, %d taken back", channel, given, len(seen.taken_back))
        self._ground.changes.ring("devices")

    async def _count_again(self, channel: str) -> None:
        """A directive may bring back what an assignment's turn was for, used long ago: it would begin uncounted."""
        async with self._ground.database.read() as connection:
            current = await directives.current(connection, channel)
            if current is None or self._seen.get(channel) == (current.epoch, current.generation):
                return
            turns = [(rule.release, rule.attempt) for rule in current.rules if rule.turn]
            again = [
                device.device_id
                for release, attempt in dict.fromkeys(turns)
                for device in await status.turned_elsewhere(connection, channel, release)
                if device.grant == Grant(release=release, attempt=attempt)
            ]
        if again:
            async with self._ground.database.begin() as connection:
                await devices.hold_turns(connection, again)
        self._seen[channel] = (current.epoch, current.generation)

    async def _sight(self, connection: AsyncConnection, channel: str) -> Sight | None:
        record = await channels.get(connection, channel)
        current = await directives.current(connection, channel)
        if record is None or record.herd is None or current is None:
            return None
        herd, directive = msgspec.convert(record.herd, Herd), directive_of(current)
        known = await status.at_work(connection, channel, AT_WORK)
        flights = [self._flight(one, directive, herd) for one in known]
        fates = [(one.device, fate(flight, herd)) for one, flight in zip(known, flights, strict=True) if flight.holds]
        asks = {one.device_id: one for one in await status.asking(connection, channel)}
        asking = [Asking(one.device_id, value_of(one.labels, herd), one.waiting_since or 0) for one in asks.values()]
        grants: dict[str, Grant] = {}

        def entitled(device_id: str) -> bool:
            target = _target_of(asks[device_id], directive)
            if target is not None and target.turn:
                grants[device_id] = turn_for(target)
            return device_id in grants

        given = next_turns(herd, counted(flights, herd), asking, entitled)
        return Sight(
            directive=directive,
            taken_back=tuple((one, word is TurnFate.TAKEN_BACK) for one, word in fates if _to_sign(one, word)),
            ended=tuple(one.device_id for one, word in fates if word in _ENDS and not _to_sign(one, word)),
            given=tuple((device_id, grants[device_id]) for device_id in given),
        )

    def _flight(self, known: Known, directive: Directive, herd: Herd) -> Flight:
        device, said = known
        now = self._ground.clock()
        heard = said.epoch == device.epoch and said.number >= device.number
        silent = 0 if said.connectivity is Connectivity.ONLINE else now - max(said.last_seen or 0, self._since())
        deaf = 0 if heard or device.published_at is None else now - max(device.published_at, self._since())
        held = frozenset(Digest(one) for one in statuses.held_by(said))
        target = golden(device.device_id, directive, assignment_of(device), held)
        fits = target is not None and device.grant == turn_for(target)
        return Flight(
            device_id=device.device_id,
            value=value_of(device.labels, herd),
            holds=device.holds_turn,
            granted=device.grant is not None,
            heard=heard,
            done=fits and said.phase is Phase.SETTLED and not lags(committed_of(said), target),
            phase=said.phase,
            waiting_for=said.waiting_for,
            silent_seconds=silent / 1000,
            deaf_seconds=deaf / 1000,
        )

    async def _take_back(self, few: Iterable[tuple[DeviceRecord, bool]]) -> None:
        """Not from who was told anything else meanwhile: that one is looked at again."""
        counts = {device.device_id: (device.number, still) for device, still in few}
        async with self._ground.database.begin() as connection:
            for device in (await devices.get_many(connection, counts)).values():
                number, still = counts[device.device_id]
                if device.number == number:
                    after = replace(device, turn=device.turn_over, holds_turn=still)
                    await self._orders.issue_assignment(connection, after, actor=ACTOR)
        await self._orders.publish_pending()

    async def _give(self, directive: Directive, grants: dict[str, Grant]) -> int:
        """How many were given; none if another directive is in force by now."""
        now, given = self._ground.clock(), 0
        async with self._ground.database.begin() as connection:
            current = await directives.current(connection, directive.channel)
            if current is None or (current.epoch, current.generation) != (directive.epoch, directive.generation):
                return 0
            for device in (await devices.get_many(connection, grants)).values():
                if device.channel == directive.channel and not device.holds_turn:
                    turn = devices.turn_at(grants[device.device_id], now)
                    after = replace(device, turn=turn, holds_turn=True)
                    await self._orders.issue_assignment(connection, after, actor=ACTOR)
                    given += 1
        await self._orders.publish_pending()
        return given


def _matters(one: Heard) -> bool:
    asks = one.after.waiting_for is WaitingFor.TURN
    return asks or one.device.holds_turn or one.before.phase is not one.after.phase


def _to_sign(device: DeviceRecord, fated: TurnFate) -> bool:
    """Whether the assignment that carries its turn must be replaced, for it could begin by it still."""
    return device.grant is not None and fated in (TurnFate.TAKEN_BACK, TurnFate.FORGOTTEN)


def _target_of(one: Asks, directive: Directive) -> Target | None:
    """What it should run; its overlay does not matter to turns."""
    told = Assignment(
        v=1,
        fleet=FleetName(""),
        epoch=one.epoch,
        device_id=DeviceId(one.device_id),
        number=one.number,
        channel=ChannelName(one.channel),
        issued_at=0,
        issued_by="",
        min_generation=one.min_generation,
        labels=one.labels,
    )
    held = frozenset() if one.committed_release is None else frozenset((Digest(one.committed_release),))
    return golden(one.device_id, directive, told, held)
