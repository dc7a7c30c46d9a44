"""What an offline rollback leaves before it is published: a second run of the same repeats it, byte for byte. Pure."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from typing import Final, Literal

import msgspec

from pyv_fleet.core.offline import OfflineRefused, Part, Wish, highest_generation
from pyv_fleet.core.recovery import Found
from pyvorin_edge import wire
from pyvorin_edge.envelope import EnvelopeError, open_envelope
from pyvorin_edge.errors import WireError
from pyvorin_edge.orders import Directive, OrderError, decode_order
from pyvorin_edge.report import Report
from pyvorin_edge.trust import holds
from pyvorin_edge.vocabulary import Role

BYTES_MAX: Final = 4 * 1024 * 1024


class Given(msgspec.Struct, frozen=True, kw_only=True):
    """An order that was signed: what was wanted, and each channel's envelope as text."""

    v: Literal[1]
    fleet: str
    epoch: int
    #: digest of the release by channel
    targets: dict[str, str]
    where: dict[str, tuple[str, ...]]
    reason: str
    by: str
    #: Unix ms
    at: int
    orders: dict[str, str]


def given_of(parts: Sequence[Part], wish: Wish, found: Found, sealed: Mapping[str, bytes], now_ms: int) -> Given:
    """What is to be kept of an order."""
    return Given(
        v=1,
        fleet=parts[0].now.fleet,
        epoch=found.trust.epoch,
        targets={part.channel: part.release.digest for part in parts},
        where=wish.where,
        reason=wish.reason,
        by=wish.by,
        at=now_ms,
        orders={channel: envelope.decode() for channel, envelope in sealed.items()},
    )


def name_of(parts: Sequence[Part], wish: Wish, found: Found) -> str:
    """The file of just this: the same channels to the same releases, for the same devices, in the same epoch."""
    what = [
        parts[0].now.fleet,
        found.trust.epoch,
        {part.channel: part.release.digest for part in parts},
        {label: sorted(values) for label, values in wish.where.items()},
    ]
    digest = hashlib.sha256(json.dumps(what, sort_keys=True, separators=(",", ":")).encode()).hexdigest()
    return f"rollback-{digest[:16]}.json"


def read_given(data: bytes) -> Given:
    """The order in a record; OfflineRefused if it is none."""
    try:
        return wire.decode(data, Given, limit_bytes=BYTES_MAX)
    except WireError as why:
        raise OfflineRefused(f"not the record of an offline rollback: {why}") from None


def order_in(text: str) -> Directive:
    """The directive in a record's envelope; OfflineRefused if there is none."""
    try:
        return decode_order(open_envelope(text.encode()).payload, Directive)
    except (EnvelopeError, OrderError) as why:
        raise OfflineRefused(f"not the record of an offline rollback: {why}") from None


def may_repeat(given: Given, found: Found, reports: Mapping[str, Report], now_ms: int) -> bool:
    """Whether these very orders can still win: still signed by who may, not expired, and nothing newer was seen."""
    for channel, text in given.orders.items():
        order = order_in(text)
        standing = found.directives.get(channel)
        if not holds(found.trust, Role.DIRECTIVE, open_envelope(text.encode())):
            return False
        if order.epoch != found.trust.epoch or order.expires_at <= now_ms:
            return False
        if order.generation < highest_generation(found, reports, channel, now_ms):
            return False
        same = standing is None or open_envelope(text.encode()).payload == standing.payload
        if standing is not None and order.generation == standing.order.generation and not same:
            return False
    return True


def highest_given(every: Sequence[Given], fleet: str, epoch: int) -> dict[str, int]:
    """The highest generation by channel that any record of this epoch gave out, published or not."""
    highest: dict[str, int] = {}
    for one in every:
        if (one.fleet, one.epoch) == (fleet, epoch):
            for channel, text in one.orders.items():
                highest[channel] = max(highest.get(channel, 0), order_in(text).generation)
    return highest
