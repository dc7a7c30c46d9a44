"""What a channel may go back to: `last-good` of a rollback, and of each directive."""

from __future__ import annotations

from typing import Final

from sqlalchemy.ext.asyncio import AsyncConnection

from pyv_fleet.core.rollback import good_since
from pyv_fleet.store import channels, rollouts
from pyv_fleet.store import orders as directives
from pyvorin_edge.identity import Digest

HISTORY: Final = 200
"""So many of a channel's directives are looked through for what it ran before."""


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


async def last_goods(connection: AsyncConnection, channel: str) -> tuple[Digest, ...]:
    """What `last-good` means on a channel now, the first choice first; the others are for when that one is barred.

    While a rollout has not ended: its baseline. While a hold stands: what the rest stays on. Else the release that was
    the whole channel's before the present one. Then what was so before that and was not left by a rollback.
    """
    current = await directives.current(connection, channel)
    if current is None:
        return ()
    first = await last_good(connection, channel)
    if first is None:
        return ()
    whole = [one.rules[0] for one in await directives.history(connection, channel, HISTORY) if len(one.rules) == 1]
    return good_since(Digest(first), whole)
