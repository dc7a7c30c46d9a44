"""How fast each channel's devices speak, kept at hand: what silence means depends on it."""

from __future__ import annotations

from collections.abc import Callable

from pyv_fleet.core.hearing import is_lost
from pyv_fleet.engine.ground import Ground
from pyv_fleet.engine.orders import pace_of
from pyv_fleet.store import channels
from pyvorin_edge.cadence import lost_after_seconds, will_grace_seconds
from pyvorin_edge.orders import Pace


class Paces:
    """A copy of the channels' terms; `load` after each change of them."""

    def __init__(self, ground: Ground, listening_since: Callable[[], int]) -> None:
        self._ground = ground
        #: Unix ms since when the controller hears: silence before that is its own
        self._listening_since = listening_since
        self._known: dict[str, Pace] = {}

    async def load(self) -> None:
        """Read all channels' terms."""
        async with self._ground.database.read() as connection:
            self._known = {
                record.name: await pace_of(connection, record) for record in await channels.every(connection)
            }

    def of(self, channel: str) -> Pace:
        """A channel's pace; the default one for a channel that is not there."""
        return self._known.get(channel, Pace())

    def channels(self) -> tuple[str, ...]:
        """All channels."""
        return tuple(self._known)

    def lost_after_ms(self, channel: str) -> int:
        """Silence that is loss, in ms."""
        return int(lost_after_seconds(self.of(channel)) * 1000)

    def will_grace_seconds(self, channel: str) -> float:
        """How long after our own reconnect an end of an older birth waits."""
        return will_grace_seconds(self.of(channel))

    def is_lost(self, channel: str, last_seen_ms: int | None, now_ms: int) -> bool:
        """Whether a device's silence is loss."""
        return is_lost(last_seen_ms, self._listening_since(), now_ms, lost_after_seconds(self.of(channel)))
