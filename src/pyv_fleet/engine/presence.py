"""Births and wills (PROTOCOL 6): whose end counts, and when. No I/O; times are monotonic seconds.

mosquitto publishes every client's will when it is stopped, some before it ends the controller's session, and keeps them
retained: so an end takes effect half a second after it came unless our own connection ends meanwhile, and one whose
birth we did not hear on this connection only after a grace in which the device would have come back.
"""

from __future__ import annotations

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


class Presences:
    """Who was born, and whose end is not settled yet."""

    def __init__(self) -> None:
        self._births: dict[str, Birth] = {}
        self._ended: dict[str, Session] = {}
        self._pending: dict[str, tuple[Session, float]] = {}
        self._up_since = 0.0
        #: which of the controller's own connections stands or stood last: what was heard on another is its past
        self.connection = 0

    def link_up(self, now: float) -> None:
        """The controller's own connection stands: nobody was born on it yet."""
        self._up_since = now
        self.connection += 1
        self._births = {name: birth._replace(live=False) for name, birth in self._births.items()}

    def link_down(self) -> None:
        """It ended: ends that came just before may be the broker's own doing."""
        self.connection += 1
        self._pending.clear()

    def born(self, device_id: str, session: Session, boot_id: str, *, live: bool) -> None:
        """A birth, or a beat: the device is connected so. `live` = not from the broker's memory."""
        known = self._births.get(device_id)
        if known is not None and session < known.session:
            return
        still_live = known is not None and known.session == session and known.live
        self._births[device_id] = Birth(session, boot_id or (known.boot_id if known else ""), live or still_live)
        pending = self._pending.get(device_id)
        if pending is not None and session > pending[0]:
            del self._pending[device_id]

    def ended(self, device_id: str, session: Session, stored: Session, now: float, grace_seconds: float) -> None:
        """A will or goodbye; `stored` is the session of the last report. It counts only for the last birth."""
        birth = self._births.get(device_id)
        last = max(birth.session, stored) if birth is not None else stored
        if session != last:
            return
        settled = now + WILL_SETTLE_SECONDS
        live = birth is not None and birth.live and birth.session == session
        self._pending[device_id] = (session, settled if live else max(settled, self._up_since + grace_seconds))

    def due(self, now: float) -> list[str]:
        """Devices whose end takes effect now."""
        ripe = [device_id for device_id, (_, at) in self._pending.items() if at <= now]
        for device_id in ripe:
            self._ended[device_id] = self._pending.pop(device_id)[0]
        return ripe

    def next_due(self) -> float | None:
        """When the next end takes effect."""
        return min((at for _, at in self._pending.values()), default=None)

    def has_ended(self, device_id: str, session: Session) -> bool:
        """Whether this connection is known to be over: a report that comes late does not make it live again."""
        return self._ended.get(device_id) == session

    def boot_id(self, device_id: str) -> str:
        """The boot id of the last birth; "" if none was heard."""
        birth = self._births.get(device_id)
        return "" if birth is None else birth.boot_id
