"""What a channel may go back to: `last-good` of a rollback, and of each directive."""

from __future__ import annotations

from sqlalchemy.ext.asyncio import AsyncConnection

from pyv_fleet.store import channels, rollouts
from pyv_fleet.store import orders as directives


async def last_good(connection: AsyncConnection, channel: str) -> str | None:
    """What `last-good` means on a channel now; none if it never had another release.

    While a rollout has not ended: its baseline. While a hold stands: what the rest stays on.
    """
    open_ones = await rollouts.open_ones(connection, channel)
    if open_ones:
        return open_ones[-1].baseline
    current = await directives.current(connection, channel)
    if current is not None and any(rule.hold for rule in current.rules):
        return current.rules[-1].release
    terms = await channels.get(connection, channel)
    return None if terms is None else terms.last_good
