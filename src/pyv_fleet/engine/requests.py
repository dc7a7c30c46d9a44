"""Asks one device something and waits for its answer; answers of others, or twice, do not count."""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Callable
from typing import Any, Final

from pyv_fleet.engine.audit import AuditLog
from pyv_fleet.engine.errors import NotFound, TimedOut, Unavailable
from pyv_fleet.engine.ground import Ground
from pyv_fleet.engine.orders import Orders
from pyv_fleet.link.interface import NoLink, Publisher
from pyv_fleet.store import requests, status
from pyv_fleet.store.requests import RequestRecord
from pyvorin_edge import topics, wire
from pyvorin_edge.errors import WireError
from pyvorin_edge.orders import Request
from pyvorin_edge.report import Response
from pyvorin_edge.vocabulary import Connectivity, Verb

log = logging.getLogger(__name__)

VALID_MS: Final = 60_000
WAIT_SECONDS: Final = 10.0
ASK_AGAIN_SECONDS: Final = 60.0
ASKED_PER_SECOND: Final = 50
#: that the intake takes with ease
REPORTS_PER_SECOND: Final = 500
SHARDS: Final = tuple(f"{number:02}" for number in range(64))


class Requests:
    """Signed one-device requests (PROTOCOL 5) and their answers."""

    def __init__(self, ground: Ground, orders: Orders, audit: AuditLog, *, monotonic: Callable[[], float]) -> None:
        self._ground = ground
        self._orders = orders
        self._audit = audit
        self._monotonic = monotonic
        self._publisher: Publisher = NoLink()
        self._waiting: dict[tuple[str, str], asyncio.Future[Response]] = {}
        self._asked: dict[str, float] = {}
        self._lately: deque[float] = deque(maxlen=ASKED_PER_SECOND)
        self._tasks: set[asyncio.Task[None]] = set()

    def publish_through(self, publisher: Publisher) -> None:
        """The way out, once there is one."""
        self._publisher = publisher

    async def ask(
        self, device_id: str, verb: Verb, args: dict[str, Any], actor: str, *, wait_seconds: float = WAIT_SECONDS
    ) -> Response:
        """The device's answer. NotFound, Unavailable (never heard, or no broker), TimedOut."""
        async with self._ground.database.read() as connection:
            known = await status.get(connection, device_id)
        if known is None:
            raise NotFound("no such device", device_id)
        if not known.status.boot_id:
            raise Unavailable("never heard of", f"{device_id} is enrolled and has not reported yet")
        request, envelope = await self._make(device_id, verb, args, known.status.boot_id, actor)
        answer: asyncio.Future[Response] = asyncio.get_running_loop().create_future()
        self._waiting[device_id, request.request_id] = answer
        try:
            if not await self._publisher.publish(topics.request(device_id), envelope, retain=False):
                raise Unavailable("no broker", "the request could not be sent: the broker does not answer")
            async with asyncio.timeout(wait_seconds):
                return await answer
        except TimeoutError:
            where = (
                f"it is {known.status.connectivity.value}" if known.status.connectivity != Connectivity.ONLINE else ""
            )
            detail = f"{device_id} did not answer within {wait_seconds:g} s; {where}".rstrip("; ")
            raise TimedOut("no answer", detail) from None
        finally:
            self._waiting.pop((device_id, request.request_id), None)

    async def answered(self, device_id: str, payload: bytes) -> None:
        """A response came on that device's topic."""
        try:
            response = wire.decode(payload, Response, limit_bytes=wire.RESPONSE_BYTES_MAX)
        except WireError as why:
            log.info("a response of %s cannot be read: %s", device_id, why)
            return
        waiting = self._waiting.get((device_id, response.request_id))
        if waiting is None or waiting.done() or response.device_id != device_id:
            return
        waiting.set_result(response)
        async with self._ground.database.begin() as connection:
            now = self._ground.clock()
            await requests.answer(connection, response.request_id, device_id, response.outcome, response.code, now)

    def ask_for_report(self, device_id: str, boot_id: str) -> None:
        """A report is missing: ask, once a minute for each device and 50 a second in all."""
        now = self._monotonic()
        full = len(self._lately) == ASKED_PER_SECOND and now - self._lately[0] < 1.0
        if full or now - self._asked.get(device_id, -ASK_AGAIN_SECONDS) < ASK_AGAIN_SECONDS:
            return
        self._asked[device_id] = now
        self._lately.append(now)
        task = asyncio.create_task(self._send_question(device_id, boot_id))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def ask_all_for_reports(self, devices: int) -> None:
        """Every device that is connected, by its shard; a large fleet spreads its answers. Unavailable."""
        spread = devices // REPORTS_PER_SECOND
        async with self._ground.database.begin() as connection:
            made = [
                (shard, await self._orders.make_request(
                    connection, Verb.REPORT, shard=shard, valid_ms=VALID_MS, spread_seconds=spread
                ))
                for shard in SHARDS
            ]  # fmt: skip
        for shard, (_, envelope) in made:
            await self._publisher.publish(topics.shard_request(shard), envelope, retain=False)

    async def _send_question(self, device_id: str, boot_id: str) -> None:
        try:
            async with self._ground.database.begin() as connection:
                _, envelope = await self._orders.make_request(
                    connection, Verb.REPORT, device_id=device_id, boot_id=boot_id, valid_ms=VALID_MS
                )
            await self._publisher.publish(topics.request(device_id), envelope, retain=False)
        except Unavailable as why:
            log.info("%s is not asked for a report: %s", device_id, why)

    async def _make(
        self, device_id: str, verb: Verb, args: dict[str, Any], boot_id: str, actor: str
    ) -> tuple[Request, bytes]:
        async with self._ground.database.begin() as connection:
            request, envelope = await self._orders.make_request(
                connection, verb, device_id=device_id, boot_id=boot_id, args=args, valid_ms=VALID_MS
            )
            record = RequestRecord(
                request_id=request.request_id,
                device_id=device_id,
                verb=verb,
                args=args,
                actor=actor,
                issued_at=request.issued_at,
                expires_at=request.expires_at,
            )
            await requests.put(connection, record)
            await self._audit.record(
                connection, actor=actor, act=f"request.{verb.value}", subject=device_id, reason="asked of the device"
            )
        return request, envelope
