"""A controller that starts knows only what its store knew, which may be last week's: it reads what the broker holds and
hears what its devices hold, before it orders anything (PROTOCOL 5, rules for the controller; decision 0027).

Devices ignore lower generations, for ever: an order by an old store would be lost, or would take a fleet back unasked.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Final

from msgspec.structs import replace
from sqlalchemy.ext.asyncio import AsyncConnection

from pyv_fleet.core.catching_up import Behind, Progress, heard_enough, limit_seconds
from pyv_fleet.core.offline import is_offline
from pyv_fleet.core.recovery import Found, sort_out
from pyv_fleet.core.views import FleetStatus
from pyv_fleet.core.words import AlertName, CatchUp
from pyv_fleet.engine.alerting import Alerting
from pyv_fleet.engine.audit import AuditLog
from pyv_fleet.engine.errors import FleetError
from pyv_fleet.engine.ground import Ground
from pyv_fleet.engine.interface import Heard
from pyv_fleet.engine.orders import Orders
from pyv_fleet.engine.recovery import Taken, reported_attempts, take_orders, take_trust
from pyv_fleet.engine.requests import Requests
from pyv_fleet.engine.trust_chain import TrustChain
from pyv_fleet.store import alerts, channels, devices, releases, status
from pyv_fleet.store import orders as directives
from pyv_fleet.store.orders import DirectiveRecord
from pyv_fleet.store.status import Filter
from pyvorin_edge.vocabulary import Connectivity

log = logging.getLogger(__name__)

LOOK_SECONDS: Final = 0.1
CONTROLLER: Final = "controller"
STANDING: Final = (AlertName.STORE_BEHIND, AlertName.FOREIGN_DIRECTIVE)

Retained = Callable[[], Awaitable[dict[str, bytes]]]
"""Reads what the broker holds, by topic."""
Done = Callable[[], Awaitable[None]]


class CatchingUp:
    """Once, at the start: `begin`, then `read` before the first publication, and `run` as a task until it is done.

    Wire `heard` as an observer of the intake. What follows when orders may go out stands in `observers`; whoever must
    stop when the store turns out to be behind, in `behind_observers`.
    """

    def __init__(
        self,
        ground: Ground,
        trust: TrustChain,
        orders: Orders,
        requests: Requests,
        alerting: Alerting,
        audit: AuditLog,
        monotonic: Callable[[], float],
    ) -> None:
        self._ground = ground
        self._trust = trust
        self._orders = orders
        self._requests = requests
        self._alerting = alerting
        self._audit = audit
        self._monotonic = monotonic
        self._progress = Progress(stage=CatchUp.DONE)
        self._was_read = asyncio.Event()
        self._began = 0.0
        self._expected: frozenset[str] = frozenset()
        self._heard: set[str] = set()
        self._devices = 0
        #: set when orders may go out
        self.done = asyncio.Event()
        self.done.set()
        self.observers: list[Done] = []
        self.behind_observers: list[Callable[[Behind], Awaitable[None]]] = []

    @property
    def progress(self) -> Progress:
        """How far it is."""
        if self._progress.stage is not CatchUp.HEARING:
            return self._progress
        return Progress(
            stage=CatchUp.HEARING,
            expected=len(self._expected),
            heard=len(self._expected & self._heard),
            waited_seconds=self._monotonic() - self._began,
            limit_seconds=limit_seconds(self._devices),
            taken=self._progress.taken,
        )

    async def status(self) -> FleetStatus:
        """As the API shows it."""
        at = self.progress
        async with self._ground.database.read() as connection:
            standing = [one for one in await alerts.all_open(connection) if one.name in STANDING]
        return FleetStatus(
            orders=at.stage,
            detail=at.sentence,
            expected=at.expected,
            heard=at.heard,
            taken=at.taken,
            alerts=tuple(one.detail for one in standing),
        )

    def begin(self) -> None:
        """No order goes out from now on."""
        self.done.clear()
        self._stand(Progress(stage=CatchUp.BROKER))

    async def read(self, retained: Mapping[str, bytes]) -> None:
        """What the broker holds, taken into the store where it is newer. Directives are left to foreign.py."""
        newest, versions = await take_trust(self._ground, self._trust.current, retained)
        self._trust.current = newest
        found = sort_out(newest, self._ground.fleet, retained)
        for why in found.refused:
            log.warning("the broker holds what is not believed: %s", why)
        taken = await take_orders(self._ground, found, with_directives=False)
        taken = replace(taken, trust_versions=versions)
        await self._tell_taken(replace(taken, ahead=_behind_for(found, taken.ahead)))
        async with self._ground.database.read() as connection:
            online = await status.find(connection, Filter(connectivity=Connectivity.ONLINE))
            self._devices = await devices.count(connection)
        self._expected = frozenset({known.device.device_id for known in online} | set(taken.devices))
        self._began = self._monotonic()
        self._stand(Progress(stage=CatchUp.HEARING, taken=taken.sentence))
        self._was_read.set()

    async def heard(self, batch: Sequence[Heard]) -> None:
        """Reports came."""
        if self._progress.stage is CatchUp.HEARING:
            self._heard.update(one.device.device_id for one in batch if one.report is not None)

    async def run(self) -> None:
        """Until orders may go out."""
        await self._was_read.wait()
        if self._expected:
            await self._ask()
        while not heard_enough(self._expected, self._heard, self._monotonic() - self._began, self._devices):
            self._stand(self.progress)
            await asyncio.sleep(LOOK_SECONDS)
        await self._compare()
        missing = len(self._expected - self._heard)
        if missing:
            log.warning("%d of %d devices did not say in time what they hold", missing, len(self._expected))
        self._progress = Progress(stage=CatchUp.DONE, taken=self._progress.taken)
        self._orders.release()
        for observer in self.observers:
            await observer()
        self.done.set()
        self._ground.changes.ring("devices")

    def _stand(self, progress: Progress) -> None:
        self._progress = progress
        self._orders.hold(f"this controller has just started: {progress.sentence}")

    async def _ask(self) -> None:
        try:
            await self._requests.ask_all_for_reports(self._devices)
        except FleetError as why:
            log.warning("devices are not asked for reports: %s", why)

    async def _tell_taken(self, taken: Taken) -> None:
        said = f"at the broker, and not in this store: {taken.sentence}. It has them now"
        async with self._ground.database.begin() as connection:
            if not taken:
                await self._alerting.resolve(connection, AlertName.STORE_BEHIND, "")
                return
            await self._alerting.raise_alert(connection, AlertName.STORE_BEHIND, detail=said)
            await self._audit.record(connection, actor=CONTROLLER, act="store.behind", subject="broker", reason=said)

    async def _compare(self) -> None:
        """What devices hold against what the store knows: attempts, incarnations, and directives that it never saw."""
        async with self._ground.database.begin() as connection:
            for release, attempt in (await reported_attempts(connection)).items():
                await releases.raise_attempt(connection, release, attempt)
            names = [record.name for record in await channels.every(connection)]
            found = [await self._orders.behind(connection, name) for name in names]
            behind = [one for one in found if one is not None]
            for one in behind:
                await self._tell_behind(connection, one)
        for one in behind:
            for observer in self.behind_observers:
                await observer(one)

    async def _tell_behind(self, connection: AsyncConnection, behind: Behind) -> None:
        said = (
            f"{behind.sentence}, and the broker does not hold it. They keep what they run; nothing is ordered there "
            "before a person says what the whole channel is to run: "
            f"pyv-fleet rollback --channel {behind.channel} --to VERSION"
        )
        subject = f"channel/{behind.channel}"
        await self._alerting.raise_alert(connection, AlertName.STORE_BEHIND, detail=said, subject=subject)
        await self._audit.record(connection, actor=CONTROLLER, act="store.behind", subject=behind.channel, reason=said)


def _behind_for(found: Found, ahead: Sequence[str]) -> tuple[str, ...]:
    """Channels whose newer directive speaks for an old store: not a rollback that was ordered while we were away."""
    orders = {name: found.directives[name].order for name in ahead}
    return tuple(name for name, order in orders.items() if not is_offline(order.issued_by, order.rules))


async def resolve_behind(orders: Orders, alerting: Alerting, ground: Ground) -> None:
    """The alert of a channel goes when its devices hold nothing any more that the store does not know."""
    async with ground.database.begin() as connection:
        for name in await directives.current_all(connection):
            if await orders.behind(connection, name) is None:
                await alerting.resolve(connection, AlertName.STORE_BEHIND, f"channel/{name}")


def unseen(behind: Behind, epoch: int) -> DirectiveRecord:
    """What stands for a directive of which only its number is known; it is never stored."""
    return DirectiveRecord(
        channel=behind.channel,
        epoch=epoch,
        generation=behind.reported,
        envelope=b"",
        payload_sha256="",
        rules=(),
        reason="",
        issued_by="",
        issued_at=0,
        expires_at=0,
        foreign=True,
    )
