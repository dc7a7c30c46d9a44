"""MQTT to the fleet, kept up: sessions one after another, each at the next address, with our own jitter (rule 12)."""

from __future__ import annotations

import logging
import random
import threading
import time
from collections.abc import Callable, Sequence
from typing import Final

from pyv_edge_agent.link.address import Address, parse_address
from pyv_edge_agent.link.interface import LinkError, Listener, Passport, Self
from pyv_edge_agent.link.session import Session, Terms
from pyv_edge_agent.link.tls import device_context
from pyvorin_edge import cadence
from pyvorin_edge.orders import Pace
from pyvorin_edge.trust import Link as Whereabouts

logger = logging.getLogger(__name__)

#: A session that ended sooner does not reset the back-off: a denied publish closes it at once (STACK 1).
STEADY_SECONDS: Final = 10.0
GOODBYE_SECONDS: Final = 2.0


class MqttLink:
    """A `Link` (interface.py). One thread of ours connects and waits; paho's reads and writes."""

    def __init__(
        self,
        passport: Passport,
        whereabouts: Whereabouts,
        *,
        clock_ms: Callable[[], int],
        monotonic: Callable[[], float] = time.monotonic,
        chance: Callable[[], float] = random.random,
        pace: Pace | None = None,
        delay_seconds_max: float = cadence.RECONNECT_MAX_SECONDS,
    ) -> None:
        pace = pace or Pace()
        self._passport = passport
        self._clock_ms = clock_ms
        self._monotonic = monotonic
        self._chance = chance
        self._keepalive_seconds = pace.keepalive_seconds
        self._reconnect_seconds = pace.reconnect_seconds
        self._delay_seconds_max = delay_seconds_max
        self._changed = threading.Condition()
        self._whereabouts = whereabouts
        self._move = 0
        self._stopping = False
        self._session: Session | None = None
        self._conn = 0
        self._tries = 0
        self._thread: threading.Thread | None = None
        self._goodbye_seconds = GOODBYE_SECONDS

    @property
    def is_connected(self) -> bool:
        """See Link."""
        session = self._session
        return session is not None and session.is_up

    def start(self, me: Self, listener: Listener) -> None:
        """See Link. The first try is made at once."""
        if self._thread is None:
            self._thread = threading.Thread(target=self._run, args=(me, listener), name="link", daemon=True)
            self._thread.start()

    def stop(self, within_seconds: float = 2 * GOODBYE_SECONDS) -> None:
        """See Link."""
        with self._changed:
            self._stopping = True
            self._goodbye_seconds = min(GOODBYE_SECONDS, within_seconds / 2)
            self._changed.notify_all()
        session = self._session
        if session is not None:
            session.interrupt()
        if self._thread is not None:
            self._thread.join(within_seconds)

    def subscribe(self, topics: Sequence[str]) -> None:
        """See Link."""
        if (session := self._session) is not None:
            session.subscribe(topics)

    def unsubscribe(self, topics: Sequence[str]) -> None:
        """See Link."""
        if (session := self._session) is not None:
            session.unsubscribe(topics)

    def publish(self, topic: str, payload: bytes, *, qos: int, retain: bool, tag: int | None = None) -> None:
        """See Link."""
        if (session := self._session) is not None:
            session.publish(topic, payload, qos, retain, tag)

    def pace(self, *, keepalive_seconds: int, reconnect_seconds: int) -> None:
        """See Link."""
        self._keepalive_seconds = keepalive_seconds
        self._reconnect_seconds = reconnect_seconds

    def go_to(self, whereabouts: Whereabouts) -> None:
        """See Link."""
        with self._changed:
            if whereabouts == self._whereabouts:
                return
            self._whereabouts = whereabouts
            self._move += 1
            self._changed.notify_all()
        if (session := self._session) is not None:
            session.interrupt()

    def _run(self, me: Self, listener: Listener) -> None:
        delay: float | None = None  # none = the next delay is a first one
        while not self._stopping:
            move = self._move
            lived = self._session_of(me, listener)
            if move != self._move:
                delay = None
                continue  # other addresses: at once
            if lived >= STEADY_SECONDS:
                delay = None
            delay = self._delay_after(delay)
            logger.debug("next connect in %.1f s", delay)
            with self._changed:
                self._changed.wait_for(lambda at=move: self._stopping or at != self._move, timeout=delay)  # type: ignore[misc]

    def _delay_after(self, delay: float | None) -> float:
        if delay is None:
            after = cadence.first_delay_seconds(self._reconnect_seconds, self._chance())
        else:
            after = cadence.next_delay_seconds(delay, self._chance())
        return min(after, self._delay_seconds_max)

    def _session_of(self, me: Self, listener: Listener) -> float:
        """One session from connect to end; the seconds that it stood."""
        try:
            session, address = self._make(me, listener)
        except LinkError as why:
            logger.error("%s", why)
            return 0.0
        self._session = session
        began = self._monotonic()
        try:
            if self._open(session, address):
                self._conn += 1
                session.wait_ended()
                if session.is_up:
                    logger.info("leaving %s", address)
                else:
                    logger.warning("disconnected from %s: %s", address, session.why_ended)
                return self._monotonic() - began
            return 0.0
        finally:
            session.close(self._goodbye_seconds)
            self._session = None

    def _open(self, session: Session, address: Address) -> bool:
        try:
            opened = session.open()
        except (OSError, ValueError) as why:
            logger.warning("cannot connect to %s: %s", address, why)
            return False
        if opened:
            logger.info("connected to %s", address)
        else:
            logger.warning("cannot connect to %s: %s", address, session.why_ended)
        return opened

    def _make(self, me: Self, listener: Listener) -> tuple[Session, Address]:
        where = self._whereabouts
        if not where.mqtt:
            raise LinkError("no broker address is known: provision this device again")
        address = parse_address(where.mqtt[self._tries % len(where.mqtt)])
        self._tries += 1
        terms = Terms(
            host=address.host,
            port=address.port,
            keepalive_seconds=self._keepalive_seconds,
            conn=self._conn + 1,
            whereabouts=where,
        )
        tls = device_context(where, self._passport)
        return Session(me, terms, tls, listener, self._clock_ms), address
