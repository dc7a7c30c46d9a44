"""What devices say, whatever brought it: ordered, stored in batches, then acknowledged, then told on (PROTOCOL 6)."""

from __future__ import annotations

import asyncio
import logging
from collections import Counter, deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Final

from sqlalchemy.ext.asyncio import AsyncConnection

from pyv_fleet.core.healing import DRIFTED, drift_words
from pyv_fleet.core.hearing import Position, hear_beat, hear_report
from pyv_fleet.core.words import AlertName, Hearing
from pyv_fleet.engine import statuses
from pyv_fleet.engine.alerting import Alerting
from pyv_fleet.engine.errors import Invalid
from pyv_fleet.engine.ground import Ground
from pyv_fleet.engine.history import note_words
from pyv_fleet.engine.interface import Heard, HeardObserver, StoredObserver
from pyv_fleet.engine.paces import Paces
from pyv_fleet.engine.presence import Presences, Session
from pyv_fleet.engine.words_in import Polled, Word, parse_report, parse_word
from pyv_fleet.link.interface import HERE_TOPIC, Incoming, NoLink, Publisher
from pyv_fleet.store import alerts
from pyv_fleet.store import status as statuses_stored
from pyv_fleet.store.status import Known, StatusRecord
from pyvorin_edge.report import Beat, Presence, Report
from pyvorin_edge.vocabulary import Connectivity, PresenceState, Standing

log = logging.getLogger(__name__)

BATCH_MAX: Final = 1000
RETRY_SECONDS: Final = 1.0
PROOF_RETRY_SECONDS: Final = 0.5

Ask = Callable[[str, str], None]
"""Asks a device (id, boot id) for a report; limits its own rate."""
Monotonic = Callable[[], float]


@dataclass
class _Waiting:
    """A word that is not stored yet, and whom to tell when it is."""

    word: Word
    #: of the controller, on which it came
    connection: int
    acknowledge: Callable[[], None]


@dataclass
class _Batch:
    """What a batch makes of the statuses."""

    known: dict[str, Known]
    now_ms: int
    before: dict[str, StatusRecord] = field(default_factory=dict)
    reports: dict[str, Report] = field(default_factory=dict)
    clones: dict[str, str] = field(default_factory=dict)
    questions: dict[str, str] = field(default_factory=dict)

    def put(self, device_id: str, status: StatusRecord) -> None:
        known = self.known[device_id]
        self.before.setdefault(device_id, known.status)
        self.known[device_id] = Known(known.device, status)

    def heard(self) -> list[Heard]:
        """What others are told: reports, and changes of connectivity."""
        changed = []
        for device_id, before in self.before.items():
            device, after = self.known[device_id]
            report = self.reports.get(device_id)
            if report is not None or before.connectivity is not after.connectivity:
                changed.append(Heard(device, before, after, report))
        return changed


class Intake:
    """One task drains what waits into one transaction a batch."""

    def __init__(
        self, ground: Ground, alerting: Alerting, paces: Paces, presences: Presences, *, ask: Ask, monotonic: Monotonic
    ) -> None:
        self._ground = ground
        self._alerting = alerting
        self._paces = paces
        self._presences = presences
        self._ask = ask
        self._monotonic = monotonic
        self._publisher: Publisher = NoLink()
        self._waiting: deque[_Waiting] = deque()
        self._wake = asyncio.Event()
        #: told after each commit, in order
        self.observers: list[HeardObserver] = []
        #: told after each commit of every device that was heard or fell silent, beats too; must be quick
        self.stored_observers: list[StoredObserver] = []
        #: what came and was dropped, by reason, for /metrics
        self.dropped: Counter[str] = Counter()
        #: what was stored, by kind
        self.taken: Counter[str] = Counter()

    @property
    def backlog(self) -> int:
        """How many messages wait to be stored."""
        return len(self._waiting)

    def publish_through(self, publisher: Publisher) -> None:
        """The way out, once there is one."""
        self._publisher = publisher

    def received(self, message: Incoming) -> None:
        """A message from the broker; what can never be used is acknowledged at once and counted."""
        word = parse_word(message.topic, message.payload, retained=message.retained)
        if isinstance(word, str):
            self.dropped[word] += 1
            message.acknowledge()
            return
        self._waiting.append(_Waiting(word, self._presences.connection, message.acknowledge))
        self._wake.set()

    async def accept_report(self, device_id: str, raw: bytes) -> None:
        """A report over HTTP: stored when this returns. Invalid names what is wrong."""
        report = parse_report(device_id, raw)
        if isinstance(report, str):
            raise Invalid("report refused", report, (report,))
        stored: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.append(_Waiting(Word(device_id, report, False), 0, lambda: _settle(stored)))
        self._wake.set()
        await stored

    def polled(self, device_id: str) -> None:
        """It asked for its orders over HTTP, with its certificate: so it is there."""
        self._waiting.append(_Waiting(Word(device_id, Polled(), False), 0, _nobody))
        self._wake.set()

    async def run(self) -> None:
        """Until cancelled."""
        async with asyncio.TaskGroup() as group:
            while True:
                await self._sleep()
                group.create_task(self.prove_ends(), name="prove ends")
                await self.drain()

    async def prove_ends(self) -> None:
        """Have the broker show that our connection outlived the ends that are ripe (see presence.py)."""
        proof = self._presences.to_prove(self._monotonic())
        if proof is None:
            return
        alive = await self._publisher.publish(HERE_TOPIC, b"", retain=False)
        if not alive:
            await asyncio.sleep(PROOF_RETRY_SECONDS)
        self._presences.answered(proof, alive=alive)
        self._wake.set()

    async def drain(self) -> None:
        """One batch of what waits, and the ends that are due; not acknowledged before it is stored, however often
        that must be tried."""
        batch = [self._waiting.popleft() for _ in range(min(BATCH_MAX, len(self._waiting)))]
        ended = self._presences.due()
        while True:
            try:
                heard, questions = await self._store(batch, ended)
                break
            except Exception:
                log.exception("the intake could not store %d messages; trying again", len(batch))
                await asyncio.sleep(RETRY_SECONDS)
        for each in batch:
            each.acknowledge()
        await self._tell(heard, questions)

    async def fell_silent(self, device_ids: Sequence[str]) -> None:
        """The sweep found these lost; those heard in between stay as they are."""
        async with self._ground.database.begin() as connection:
            batch = _Batch(await statuses_stored.get_many(connection, device_ids), self._ground.clock())
            for device_id, known in list(batch.known.items()):
                if known.status.connectivity is Connectivity.ONLINE:
                    batch.put(device_id, statuses.after_silence(known.status))
            heard = await self._save(connection, batch)
        self._tell_stored(batch)
        await self._tell(heard, {})

    async def _sleep(self) -> None:
        """Until something waits, or an end is ripe."""
        self._wake.clear()
        if self._waiting:
            return
        ripe = self._presences.next_ripe()
        seconds = None if ripe is None else max(0.0, ripe - self._monotonic())
        try:
            async with asyncio.timeout(seconds):
                await self._wake.wait()
        except TimeoutError:
            return

    async def _store(self, waiting: Sequence[_Waiting], ended: Sequence[str]) -> tuple[list[Heard], dict[str, str]]:
        concerned = {each.word.device_id for each in waiting} | set(ended)
        if not concerned:
            return [], {}
        async with self._ground.database.begin() as connection:
            batch = _Batch(await statuses_stored.get_many(connection, concerned), self._ground.clock())
            for device_id in ended:
                if device_id in batch.known:
                    batch.put(device_id, statuses.after_end(batch.known[device_id].status))
            for each in waiting:
                try:
                    self._take(batch, each.word, each.connection)
                except Exception:  # one message that we cannot handle must not hold up all others
                    log.exception("a message of %s could not be taken", each.word.device_id)
                    self.dropped["fault"] += 1
            heard = await self._save(connection, batch)
        self._tell_stored(batch)
        return heard, batch.questions

    def _take(self, batch: _Batch, word: Word, connection: int) -> None:
        if word.device_id not in batch.known:
            self.dropped["not enrolled"] += 1
            return
        self.taken[type(word.said).__name__.lower()] += 1
        here = connection == self._presences.connection  # else our own connection ended meanwhile
        match word.said:
            case Report():
                self._take_report(batch, word.device_id, word.said)
            case Polled():
                self._take_poll(batch, word.device_id)
            case Beat():
                self._take_beat(batch, word.device_id, word.said, live=here)
            case Presence(state=PresenceState.OFFLINE):
                if here:
                    self._take_end(batch, word.device_id, word.said)
            case Presence():
                self._take_birth(batch, word, word.said, live=here and not word.retained)

    def _take_report(self, batch: _Batch, device_id: str, report: Report) -> None:
        status = batch.known[device_id].status
        said = Position(report.incarnation, report.boot, report.boot_id, report.seq)
        silent = self._paces.is_lost(batch.known[device_id].device.channel, status.last_seen, batch.now_ms)
        match hear_report(statuses.position_of(status), statuses.previous_of(status), said, silent=silent):
            case Hearing.TAKEN:
                session = Session(report.boot, report.conn)
                self._presences.born(device_id, session, report.boot_id, live=False)
                over = self._presences.has_ended(device_id, session)
                batch.put(device_id, statuses.after_report(status, report, batch.now_ms, connected=not over))
                batch.reports[device_id] = report
            case Hearing.SET_ASIDE:
                self.dropped["set aside"] += 1
                batch.clones[device_id] = f"start {report.boot} ({report.boot_id}) speaks while {status.boot} is known"
            case _:
                self.dropped["late"] += 1

    def _take_beat(self, batch: _Batch, device_id: str, beat: Beat, *, live: bool) -> None:
        status = batch.known[device_id].status
        match hear_beat(statuses.position_of(status), beat.b, beat.s):
            case Hearing.TAKEN:
                session = Session(beat.b, beat.c)
                self._presences.born(device_id, session, status.boot_id, live=live)
                over = self._presences.has_ended(device_id, session)
                batch.put(device_id, statuses.after_beat(status, beat, batch.now_ms, connected=not over))
                if beat.of > status.report_seq:
                    batch.questions[device_id] = status.boot_id
            case Hearing.UNKNOWN_BOOT:
                batch.questions[device_id] = self._presences.boot_id(device_id)
            case _:
                self.dropped["late"] += 1

    def _take_poll(self, batch: _Batch, device_id: str) -> None:
        status = batch.known[device_id].status
        if status.boot and not self._presences.has_ended(device_id, Session(status.boot, status.conn)):
            batch.put(device_id, statuses.after_birth(status, batch.now_ms))

    def _take_end(self, batch: _Batch, device_id: str, said: Presence) -> None:
        device, status = batch.known[device_id]
        session, stored = Session(said.boot, said.conn), Session(status.boot, status.conn)
        grace = self._paces.will_grace_seconds(device.channel)
        self._presences.ended(device_id, session, stored, self._monotonic(), grace)

    def _take_birth(self, batch: _Batch, word: Word, said: Presence, *, live: bool) -> None:
        device_id = word.device_id
        status, session = batch.known[device_id].status, Session(said.boot, said.conn)
        if said.boot < status.boot and said.boot_id != status.boot_id:
            return  # an older start: its report will show whether it is a clone
        self._presences.born(device_id, session, said.boot_id, live=live)
        if not word.retained and not self._presences.has_ended(device_id, session):
            batch.put(device_id, statuses.after_birth(status, batch.now_ms))

    async def _save(self, connection: AsyncConnection, batch: _Batch) -> list[Heard]:
        """Statuses, and what follows from them; what others are told after the commit."""
        changed = [batch.known[device_id].status for device_id in batch.before]
        await statuses_stored.save_many(connection, changed)
        heard = batch.heard()
        await note_words(connection, ((one.before, one.after) for one in heard), batch.now_ms)
        for device_id, detail in batch.clones.items():
            await self._alerting.raise_alert(
                connection, AlertName.CLONE_OR_RESTORED, detail=detail, device_id=device_id
            )
        said = [(batch.before[device_id], batch.known[device_id].status) for device_id in batch.reports]
        await self._drift(connection, said)
        return heard

    async def _drift(self, connection: AsyncConnection, said: Sequence[tuple[StatusRecord, StatusRecord]]) -> None:
        """One open alert a device, raised and resolved as its reports say (PROTOCOL 7). Words that are there are
        compared; the store is asked only where one changed."""
        over = [after.device_id for before, after in said if _may_end(before, after)]
        for device_id in sorted(await alerts.open_among(connection, AlertName.CONFIG_DRIFT, over)):
            await self._alerting.resolve(connection, AlertName.CONFIG_DRIFT, device_id)
        for before, after in said:
            if _begins(before, after):
                await self._alerting.raise_alert(
                    connection,
                    AlertName.CONFIG_DRIFT,
                    detail=drift_words(after.drift_kinds, after.drift_paths, after.drift_more),
                    device_id=after.device_id,
                )

    def _tell_stored(self, batch: _Batch) -> None:
        for observer in self.stored_observers:
            observer([batch.known[device_id] for device_id in batch.before])

    async def _tell(self, heard: Sequence[Heard], questions: dict[str, str]) -> None:
        for device_id, boot_id in questions.items():
            if boot_id:
                self._ask(device_id, boot_id)
        if not heard:
            return
        self._ground.changes.ring("devices")
        for observer in self.observers:
            try:
                await observer(heard)
            except Exception:
                log.exception("an observer failed on %d reports", len(heard))


def _begins(before: StatusRecord, after: StatusRecord) -> bool:
    changed = (before.standing, before.drift_paths) != (after.standing, after.drift_paths)
    return changed and after.standing in DRIFTED


def _may_end(before: StatusRecord, after: StatusRecord) -> bool:
    changed = before.standing is not after.standing
    return changed and after.standing not in DRIFTED and after.standing is not Standing.UNKNOWN


def _nobody() -> None:
    """Waits for it to be stored."""


def _settle(future: asyncio.Future[None]) -> None:
    if not future.done():
        future.set_result(None)
