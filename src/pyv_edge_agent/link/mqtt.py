"""MQTT to the fleet, kept up: sessions one after another, each at the next address, with our own jitter (rule 12)."""

from __future__ import annotations

import logging
import random
import time
from collections.abc import Callable
from typing import Final

from pyv_edge_agent.link.address import Address, parse_address
from pyv_edge_agent.link.interface import LinkError, Listener, Passport, Self
from pyv_edge_agent.link.keeper import Keeper, Lived
from pyv_edge_agent.link.kept import KeptLink
from pyv_edge_agent.link.session import Session, Terms
from pyv_edge_agent.link.tls import device_context
from pyvorin_edge import cadence
from pyvorin_edge.orders import Pace
from pyvorin_edge.trust import Link as Whereabouts

logger = logging.getLogger(__name__)

GOODBYE_SECONDS: Final = 2.0


class MqttLink(KeptLink[Session]):
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
        self._passport = passport
        self._clock_ms = clock_ms
        self._monotonic = monotonic
        keeper = Keeper(whereabouts, pace or Pace(), chance=chance, delay_seconds_max=delay_seconds_max)
        super().__init__(keeper, GOODBYE_SECONDS)

    def publish(self, topic: str, payload: bytes, *, qos: int, retain: bool, tag: int | None = None) -> None:
        """See Link."""
        if (session := self._session) is not None:
            session.publish(topic, payload, qos, retain, tag)

    def _session_of(self, me: Self, listener: Listener) -> Lived:
        """One session from connect to end."""
        try:
            session, address = self._make(me, listener)
        except LinkError as why:
            logger.error("%s", why)
            return Lived()
        self._session = session
        began = self._monotonic()
        try:
            if self._keeper.stopping or not self._open(session, address):
                return Lived()
            self._keeper.conn += 1
            session.wait_ended()
            if session.is_up:
                logger.info("leaving %s", address)
            else:
                logger.warning("disconnected from %s: %s", address, session.why_ended)
            return Lived(self._monotonic() - began)
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
        keeper, where = self._keeper, self._keeper.whereabouts
        if not where.mqtt:
            raise LinkError("no broker address is known: provision this device again")
        address = parse_address(keeper.next_of(where.mqtt))
        terms = Terms(
            host=address.host,
            port=address.port,
            keepalive_seconds=keeper.keepalive_seconds,
            conn=keeper.conn + 1,
            whereabouts=where,
        )
        tls = device_context(where, self._passport)
        return Session(me, terms, tls, listener, self._clock_ms), address
