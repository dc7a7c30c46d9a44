"""Whether the overlays of devices fit what they may be told to run."""

from __future__ import annotations

from sqlalchemy.ext.asyncio import AsyncConnection

from pyv_fleet.core.overlay import OverlayRefused, checked_hash
from pyv_fleet.engine.errors import Invalid
from pyv_fleet.engine.releases import release_of
from pyv_fleet.store import orders as directives
from pyv_fleet.store import releases
from pyv_fleet.store.devices import DeviceRecord
from pyvorin_edge.errors import CanonicalError
from pyvorin_edge.orders import overlay_digest


class OverlayFits:
    """Whether overlays fit what their devices may be told to run now, each pair of release and overlay judged once.

    Golden hashes are kept, so that nothing is computed when a device reports.
    """

    def __init__(self, connection: AsyncConnection) -> None:
        self._connection = connection
        self._named: dict[str, tuple[str, ...]] = {}
        self._known: set[tuple[str, str]] = set()

    async def refuse(self, device: DeviceRecord) -> None:
        """Invalid for a device that would reject its overlay with its pin, or else with what a rule names."""
        if not device.overlay:
            return
        try:
            digest = overlay_digest(device.overlay)
        except CanonicalError as why:
            raise Invalid("the overlay does not fit", f"{device.device_id}: {why}", (str(why),)) from None
        for release in (str(device.pin["release"]),) if device.pin is not None else await self._rules(device.channel):
            if (release, digest) not in self._known:
                await self._judge(device, release, digest)
                self._known.add((release, digest))

    async def _judge(self, device: DeviceRecord, release: str, digest: str) -> None:
        record = await releases.get(self._connection, release)
        blob = None if record is None else await releases.get_blob(self._connection, record.config_sha256)
        if record is None or blob is None:
            return  # adopted from the broker, not known here: the device judges it
        try:
            found = checked_hash(release_of(record), blob, device.overlay)
        except OverlayRefused as why:
            raise Invalid("the overlay does not fit", f"{device.device_id}: {why}", why.errors) from None
        await releases.put_golden(self._connection, record.digest, digest, found)

    async def _rules(self, channel: str) -> tuple[str, ...]:
        if channel not in self._named:
            current = await directives.current(self._connection, channel)
            rules = () if current is None else current.rules
            self._named[channel] = tuple(dict.fromkeys(rule.release for rule in rules))
        return self._named[channel]
