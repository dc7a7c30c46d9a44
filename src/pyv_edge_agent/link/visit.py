"""One visit of a device without MQTT at one controller: `desired` by long poll, until it fails or is interrupted."""

from __future__ import annotations

import logging
import random
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Final

import msgspec

from pyv_edge_agent.link.errands import Errands
from pyv_edge_agent.link.http import Answer
from pyv_edge_agent.link.interface import LinkError, Listener
from pyv_edge_agent.link.line import Line
from pyvorin_edge import topics, wire
from pyvorin_edge.envelope import open_envelope
from pyvorin_edge.errors import PyvorinError
from pyvorin_edge.topics import Kind

logger = logging.getLogger(__name__)

#: the longest that the controller lets one wait
WAIT_SECONDS: Final = 55
#: its answer may take so much longer
GRACE_SECONDS: Final = 10.0
#: two polls are never closer: a server that answers at once for ever must not be hammered
APART_SECONDS: Final = 0.25
#: one that should have let us wait and did not is given so much rest, at random
REST_SECONDS: Final = 5.0
DESIRED_BYTES_MAX: Final = 64 * 1024
_CONTENT: Final = (Kind.RELEASE, Kind.BLOB)


class Desired(msgspec.Struct, frozen=True):
    """The controller's answer: envelopes in text, and the newest trust document's version if it says so."""

    directive: str | None = None
    assignment: str | None = None
    trust: int | None = None


class Visit:
    """The poll runs in the caller's thread (`open`, `stay`); the rest may be called from any."""

    def __init__(self, device_id: str, lines: tuple[Line, Line], listener: Listener, keepalive: Callable[[], int]):
        """`lines`: two connections to the same controller. `keepalive`: seconds between polls, when over 60."""
        self._line, errands = lines
        self._path = f"/v1/devices/{device_id}/desired"
        self._listener = listener
        self._keepalive = keepalive
        self._lock = threading.RLock()
        self._subscribed: frozenset[str] = frozenset()
        self._desired = Desired()
        self._told: dict[str, bytes] = {}
        self._own = topics.assignment(device_id)
        self._etag: str | None = None
        self._nudged = threading.Event()
        self._interrupted = False
        self._why: LinkError | None = None
        self._errands = Errands(errands, device_id, listener, failed=self._fail, saw_etag=self._compare)
        self.is_up = False

    def open(self) -> None:
        """The first look; LinkError if the controller does not answer, or not this device."""
        self._take(self._ask({}, self._path, GRACE_SECONDS))
        self._errands.start()
        self.is_up = True

    def stay(self) -> None:
        """Until `interrupt`; LinkError when the controller is gone."""
        while not self._interrupted:
            try:
                self._poll()
            except LinkError:
                if not self._interrupted:
                    raise

    def interrupt(self) -> None:
        """Let `open` or `stay` end now."""
        self._interrupted = True
        self._line.cut()
        self._nudged.set()

    def close(self, within_seconds: float) -> None:
        """End both connections."""
        self.is_up = False
        self._line.close()
        self._errands.stop(within_seconds)

    def subscribe(self, names: Sequence[str]) -> None:
        """What is known of orders comes at once and again; contents are fetched."""
        with self._lock:
            self._subscribed |= frozenset(names)
            for name in names:
                self._told.pop(name, None)
            self._tell_orders()
        for name in names:
            self._want(name)

    def unsubscribe(self, names: Sequence[str]) -> None:
        """No more of these."""
        with self._lock:
            self._subscribed -= frozenset(names)
        for name in names:
            self._errands.forget(name)

    def publish(self, topic: str, payload: bytes, tag: int | None) -> None:
        """Reports are carried; beats and presence are not: whoever polls is there."""
        parsed = topics.parse(topic)
        if self.is_up and parsed is not None and parsed.kind is Kind.REPORT:
            self._errands.report(payload, tag)

    def _poll(self) -> None:
        began = time.monotonic()
        headers = {"If-None-Match": self._etag} if self._etag is not None else {}
        news = self._take(self._ask(headers, f"{self._path}?wait={WAIT_SECONDS}", WAIT_SECONDS + GRACE_SECONDS))
        self._rest(news, time.monotonic() - began)

    def _ask(self, headers: Mapping[str, str], path: str, timeout_seconds: float) -> Answer:
        try:
            return self._line.request(
                "GET", path, None, headers, limit_bytes=DESIRED_BYTES_MAX, timeout_seconds=timeout_seconds
            )
        except LinkError as why:
            raise (self._why or why) from None

    def _take(self, answer: Answer) -> bool:
        """Whether there was news."""
        if answer.status == 304:
            return False
        try:
            desired = wire.decode(answer.body, Desired, limit_bytes=DESIRED_BYTES_MAX)
        except PyvorinError as why:
            raise LinkError(f"what is desired cannot be read: {why}") from None
        with self._lock:
            self._desired, self._etag = desired, answer.etag
            self._tell_orders()
            waiting = [name for name in self._subscribed if _kind_of(name) is Kind.TRUST]
        for name in waiting:
            self._want(name)
        return True

    def _tell_orders(self) -> None:
        """The assignment first: a device that is moved then asks for its new channel."""
        self._tell(self._own, self._desired.assignment)
        directive = self._desired.directive
        if directive is not None:
            named = _topic_of(directive)
            heard = [name for name in sorted(self._subscribed) if _kind_of(name) is Kind.CHANNEL]
            for topic in [named] if named is not None else heard:  # what cannot be read is refused by whoever hears it
                self._tell(topic, directive)

    def _tell(self, topic: str, text: str | None) -> None:
        if text is None or topic not in self._subscribed:
            return
        payload = text.encode()
        if self._told.get(topic) != payload:
            self._told[topic] = payload
            self._listener.arrived(topic, payload, True)

    def _want(self, name: str) -> None:
        kind, newest = _kind_of(name), self._desired.trust
        due = kind is Kind.TRUST and (newest is None or int(name.rpartition("/")[2]) <= newest)
        if kind in _CONTENT or due:
            self._errands.fetch(name)

    def _rest(self, news: bool, took_seconds: float) -> None:
        rest = APART_SECONDS
        if not news:
            rest = max(rest, self._keepalive() - WAIT_SECONDS - GRACE_SECONDS)
            if took_seconds < 1.0:
                rest = max(rest, random.uniform(1.0, REST_SECONDS))
        if self._etag is None:  # something between us took it away: there is nothing to wait by
            rest = max(rest, float(self._keepalive()))
        self._nudged.wait(rest)
        self._nudged.clear()

    def _compare(self, etag: str | None) -> None:
        """The answer to a report tells that other orders are there: no need to wait for the next poll."""
        if etag is not None and etag != self._etag:
            self._nudged.set()

    def _fail(self, why: LinkError) -> None:
        self._why = why
        self._line.cut()
        self._nudged.set()


def _kind_of(topic: str) -> Kind | None:
    parsed = topics.parse(topic)
    return parsed.kind if parsed is not None else None


def _topic_of(directive: str) -> str | None:
    """By the channel that it names, for its address only: nothing in it is believed here."""
    try:
        said = wire.loads_strict(open_envelope(directive.encode()).payload, limit_bytes=wire.ORDER_BYTES_MAX)
    except PyvorinError:
        return None
    channel = said.get("channel") if isinstance(said, dict) else None
    return topics.channel(channel) if isinstance(channel, str) else None
