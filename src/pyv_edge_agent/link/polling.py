"""A link over HTTPS alone, for a device without MQTT (PROTOCOL 9): `desired` by long poll, reports by POST."""

from __future__ import annotations

import logging
import random
import time
from collections.abc import Callable
from typing import Final

from pyv_edge_agent.link.http import HttpRefused
from pyv_edge_agent.link.interface import LinkError, Listener, Passport, Self
from pyv_edge_agent.link.keeper import Keeper, Lived
from pyv_edge_agent.link.kept import KeptLink
from pyv_edge_agent.link.line import Line
from pyv_edge_agent.link.tls import device_context
from pyv_edge_agent.link.visit import Visit
from pyvorin_edge import cadence
from pyvorin_edge.orders import Pace
from pyvorin_edge.trust import Link as Whereabouts

logger = logging.getLogger(__name__)

GOODBYE_SECONDS: Final = 1.0


class PollingLink(KeptLink[Visit]):
    """A `Link` (interface.py). One thread polls, one runs errands; there are no requests to answer and no goodbye.

    A keepalive over a minute is the time between two polls, for links that cost money.
    """

    def __init__(
        self,
        passport: Passport,
        whereabouts: Whereabouts,
        *,
        monotonic: Callable[[], float] = time.monotonic,
        chance: Callable[[], float] = random.random,
        pace: Pace | None = None,
        delay_seconds_max: float = cadence.RECONNECT_MAX_SECONDS,
    ) -> None:
        self._passport = passport
        self._monotonic = monotonic
        keeper = Keeper(whereabouts, pace or Pace(), chance=chance, delay_seconds_max=delay_seconds_max)
        super().__init__(keeper, GOODBYE_SECONDS)

    def publish(self, topic: str, payload: bytes, *, qos: int, retain: bool, tag: int | None = None) -> None:
        """See Link."""
        if (visit := self._session) is not None:
            visit.publish(topic, payload, tag)

    def _session_of(self, me: Self, listener: Listener) -> Lived:
        """One visit from its first answer to its end."""
        keeper = self._keeper
        where, url, began = keeper.whereabouts, "the fleet", self._monotonic()
        visit: Visit | None = None
        try:
            url = self._next(where)
            tls = device_context(where, self._passport)
            visit = Visit(
                me.device_id, (Line(url, tls), Line(url, tls)), listener, lambda: self._keeper.keepalive_seconds
            )
            self._session = visit
            if keeper.stopping or where != keeper.whereabouts:
                return Lived()
            visit.open()
            keeper.conn += 1
            logger.info("connected to %s", url)
            listener.connected(keeper.conn, where)
            visit.stay()
            logger.info("leaving %s", url)
        except LinkError as why:
            return self._ended(visit, url, why, began)
        finally:
            self._close(visit, listener)
        return Lived(self._monotonic() - began)

    def _next(self, where: Whereabouts) -> str:
        if not where.http:
            raise LinkError("no controller address is known: provision this device again")
        return self._keeper.next_of(where.http)

    def _ended(self, visit: Visit | None, url: str, why: LinkError, began: float) -> Lived:
        was_up = visit is not None and visit.is_up
        logger.warning("%s %s: %s", "disconnected from" if was_up else "cannot connect to", url, why)
        pause = why.retry_after_seconds if isinstance(why, HttpRefused) else 0.0
        return Lived(self._monotonic() - began if was_up else 0.0, pause)

    def _close(self, visit: Visit | None, listener: Listener) -> None:
        was_up = visit is not None and visit.is_up
        self._session = None
        if visit is not None:
            visit.close(self._goodbye_seconds)
        if was_up:
            listener.disconnected("the visit is over")
