"""Births and wills (PROTOCOL 6): whose end counts, and when. No I/O; times are monotonic seconds.

mosquitto publishes every client's will when it is stopped, some before it ends the controller's session, and keeps them
retained: so an end takes effect half a second after it came unless our own connection ends meanwhile, and one whose
birth we did not hear on this connection only after a grace in which the device would have come back. On a busy machine
our session ends more than half a second after the wills: so an end that is ripe also waits until the broker answered
something that it was asked *after* that time, on the same connection. A broker that is going down answers nothing.
"""

from __future__ import annotations

import math
from typing import NamedTuple

from pyvorin_edge.cadence import WILL_SETTLE_SECONDS


class Session(NamedTuple):
    """One connection of a device: `conn` counts within a boot."""

    boot: int
    conn: int


class Birth(NamedTuple):
    """The last birth that is known of a device."""

    session: Session
    boot_id: str
    #: heard as it happened, on the connection that the controller has now
    live: bool


class End(NamedTuple):
    """A will or goodbye that is not settled yet."""

    session: Session
    settled_at: float
    #: from our connection's beginning, if we did not hear that birth on it
    grace_seconds: float


class Proof(NamedTuple):
    """A question to the broker; its answer shows that our connection outlived the ends that were ripe then."""

    connection: int
    asked_at: float


class Presences:
    """Who was born, and whose end is not settled yet."""

    def __init__(self) -> None:
        self._births: dict[str, Birth] = {}
        self._ended: dict[str, Session] = {}
        self._pending: dict[str, End] = {}
        self._up_since = 0.0
        self._asking: Proof | None = None
        #: the broker answered what was asked then; who was ripe then is due
        self._proved_at = -math.inf
        #: which of the controller's own connections is being opened or stands: what was heard on another is its past
        self.connection = 0

    def link_up(self, now: float) -> None:
        """The controller's own connection stands. What the broker had retained was heard while it opened."""
        self._up_since = now
        self._forget_births()

    def link_down(self) -> None:
        """It ended: ends that came just before may be the broker's own doing."""
        self.connection += 1
        self._pending.clear()
        self._asking = None
        self._proved_at = -math.inf
        self._forget_births()

    def born(self, device_id: str, session: Session, boot_id: str, *, live: bool) -> None:
        """A birth, or a beat: the device is connected so. `live` = not from the broker's memory."""
        known = self._births.get(device_id)
        if known is not None and session < known.session:
            return
        still_live = known is not None and known.session == session and known.live
        self._births[device_id] = Birth(session, boot_id or (known.boot_id if known else ""), live or still_live)
        pending = self._pending.get(device_id)
        if pending is not None and session > pending.session:
            del self._pending[device_id]

    def ended(self, device_id: str, session: Session, stored: Session, now: float, grace_seconds: float) -> None:
        """A will or goodbye; `stored` is the session of the last report. It counts only for the last birth."""
        birth = self._births.get(device_id)
        last = max(birth.session, stored) if birth is not None else stored
        if session != last:
            return
        self._pending[device_id] = End(session, now + WILL_SETTLE_SECONDS, grace_seconds)

    def next_ripe(self) -> float | None:
        """When there is something to do next; none while a proof is under way, and while nobody's end waits."""
        if self._asking is not None:
            return None
        return min(self._ripe().values(), default=None)

    def to_prove(self, now: float) -> Proof | None:
        """The proof to ask for now, one for all ends that are ripe; it is under way until `answered`."""
        if self._asking is not None or not any(self._proved_at < at <= now for at in self._ripe().values()):
            return None
        self._asking = Proof(self.connection, now)
        return self._asking

    def answered(self, proof: Proof, *, alive: bool) -> None:
        """How that went; what belongs to an earlier connection of ours proves nothing."""
        if proof != self._asking:
            return
        self._asking = None
        if alive:
            self._proved_at = proof.asked_at

    def due(self) -> list[str]:
        """Devices whose end takes effect now: it was ripe when the last proof was asked for."""
        if self._proved_at == -math.inf:
            return []
        proved = [device_id for device_id, at in self._ripe().items() if at <= self._proved_at]
        self._proved_at = -math.inf
        for device_id in proved:
            self._ended[device_id] = self._pending.pop(device_id).session
        return proved

    def has_ended(self, device_id: str, session: Session) -> bool:
        """Whether this connection is known to be over: a report that comes late does not make it live again."""
        return self._ended.get(device_id) == session

    def boot_id(self, device_id: str) -> str:
        """The boot id of the last birth; "" if none was heard."""
        birth = self._births.get(device_id)
        return "" if birth is None else birth.boot_id

    def _ripe(self) -> dict[str, float]:
        """When each end that waits is ripe."""
        return {device_id: self._ripe_at(device_id, end) for device_id, end in self._pending.items()}

    def _ripe_at(self, device_id: str, end: End) -> float:
        birth = self._births.get(device_id)
        if birth is not None and birth.live and birth.session == end.session:
            return end.settled_at
        return max(end.settled_at, self._up_since + end.grace_seconds)

    def _forget_births(self) -> None:
        """Nobody was born on this connection yet."""
        self._births = {name: birth._replace(live=False) for name, birth in self._births.items()}
