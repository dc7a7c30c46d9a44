"""A rollback through the broker alone, with the directive key: no store, no API (decision 0026).

What the broker holds is read and verified, devices are asked what they hold, an order is kept in a file before it is
published, and its acknowledgements are heard. What it comes to is decided in core/offline.py.
"""

from __future__ import annotations

import secrets
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Final

import msgspec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from pyv_fleet.core.catching_up import limit_seconds
from pyv_fleet.core.offline import OfflineRefused, Part, Wish, compose, refuse_trust, said_of
from pyv_fleet.core.offline_record import (
    Given,
    given_of,
    highest_given,
    may_repeat,
    name_of,
    order_in,
    read_given,
)
from pyv_fleet.core.recovery import Found, follow, sort_out
from pyv_fleet.core.rollback import Said
from pyv_fleet.core.words import ReturnStanding
from pyv_fleet.durable import private_dir, write_durably
from pyv_fleet.engine.recovery import reports_of
from pyv_fleet.engine.rollback_watch import Following
from pyv_fleet.engine.words_in import Word, parse_word
from pyv_fleet.link.interface import LinkError
from pyv_fleet.link.mqtt import LinkSettings
from pyv_fleet.link.retained import ORDERS, PRESENCES, REPORTS, Listening, Out, read_retained
from pyv_fleet.store.rollbacks import AckRecord, RollbackRecord, RollbackTarget
from pyvorin_edge import topics
from pyvorin_edge.envelope import TYPE_DIRECTIVE, TYPE_REQUEST, keyid_of, open_envelope, public_bytes, seal
from pyvorin_edge.identity import FleetName, digest_of
from pyvorin_edge.orders import Directive, OrderError, Request, decode_order, encode_order
from pyvorin_edge.report import Presence, Report
from pyvorin_edge.trust import Trust, holds
from pyvorin_edge.vocabulary import Connectivity, PresenceState, Role, Verb
from pyvorin_edge.wire import ORDER_BYTES_MAX

SHARDS: Final = tuple(f"{number:02}" for number in range(64))
QUESTION_MS: Final = 60_000
Keys = Sequence[Ed25519PrivateKey]


class Way(msgspec.Struct, frozen=True, kw_only=True):
    """How to the broker, and what is believed there."""

    link: LinkSettings
    anchor: Trust
    #: trust documents that are known besides the broker's, by topic
    documents: dict[str, bytes] = {}
    #: none = what the trust documents say
    fleet: str | None = None
    #: the broker was just brought up: who is there shows by coming back, not by what it remembers
    fresh: bool = False


class Sight(msgspec.Struct, frozen=True, kw_only=True):
    """What the broker holds, what devices said when they were asked, and who is there."""

    fleet: str
    found: Found
    reports: dict[str, Report]
    online: frozenset[str]
    #: those among them that the broker only says are there
    silent: frozenset[str] = frozenset()


async def look(way: Way, keys: Keys, told: Callable[[str], None], seconds: float | None = None) -> Sight:
    """Read, believe, ask. `seconds`: how long answers are waited for; none = as such a fleet needs.

    OfflineRefused if these keys may not order; LinkError if the broker does not tell.
    """
    retained = await read_retained(way.link, (*ORDERS, *PRESENCES))
    fleet, found = believed(way, retained)
    refuse_trust(found.trust, now_ms())
    refuse_keys(found.trust, keys)
    there = frozenset() if way.fresh else _there(retained) & found.assignments.keys()
    expected = frozenset(found.assignments) if way.fresh else there
    limit = limit_seconds(len(found.assignments)) if seconds is None else seconds
    told(f"{len(found.assignments)} devices are known to the broker; hearing what they hold, for {limit:g} s at most")
    listening = Listening(
        say=questions(fleet, found.trust.epoch, keys),
        enough=lambda came: expected <= reports_of(came).keys(),
        seconds=limit,
    )
    reports = reports_of(await read_retained(way.link, REPORTS, listening))
    answered = frozenset(reports) & found.assignments.keys()
    return Sight(fleet=fleet, found=found, reports=reports, online=there | answered, silent=there - answered)


def believed(way: Way, retained: Mapping[str, bytes]) -> tuple[str, Found]:
    """The fleet, and what its keys signed; OfflineRefused if it is not known which fleet it is."""
    trust, _ = follow(way.anchor, {**retained, **way.documents})
    fleet = way.fleet or trust.fleet
    if fleet is None:
        raise OfflineRefused("the broker holds no trust document that this anchor signed: is it this fleet's broker?")
    return fleet, sort_out(trust, fleet, retained)


def questions(fleet: str, epoch: int, keys: Keys) -> list[Out]:
    """A call for reports to each shard."""
    now = now_ms()
    made = []
    for shard in SHARDS:
        request = Request(
            v=1,
            fleet=FleetName(fleet),
            epoch=epoch,
            request_id=secrets.token_hex(12),
            verb=Verb.REPORT,
            shard=shard,
            issued_at=now,
            expires_at=now + QUESTION_MS,
        )
        made.append(Out(topics.shard_request(shard), seal(encode_order(request), TYPE_REQUEST, keys)))
    return made


def refuse_keys(trust: Trust, keys: Keys) -> None:
    """OfflineRefused unless devices obey what these keys sign together."""
    role = trust.roles[Role.DIRECTIVE]
    mine = {keyid_of(public_bytes(key)) for key in keys} & role.by_id.keys()
    if len(mine) < role.threshold:
        raise OfflineRefused(
            f"trust document {trust.version} wants {role.threshold} of its {len(role.by_id)} directive keys, and "
            f"{len(mine)} of those given are among them: devices would not obey. Name each with --offline-key"
        )


def sealed(order: Directive, keys: Keys, trust: Trust) -> bytes:
    """Signed, and read back as a device would; OfflineRefused for what it would refuse."""
    envelope = seal(encode_order(order), TYPE_DIRECTIVE, keys)
    if len(envelope) > ORDER_BYTES_MAX:
        raise OfflineRefused(
            f"channel {order.channel}: the order has {len(envelope)} bytes, devices take {ORDER_BYTES_MAX}: shorten "
            "its reason, or roll the whole channel back"
        )
    try:
        decode_order(open_envelope(envelope).payload, Directive)
    except OrderError as why:
        raise OfflineRefused(f"channel {order.channel}: devices would refuse this order: {why}") from None
    if not holds(trust, Role.DIRECTIVE, open_envelope(envelope)):
        raise OfflineRefused(f"channel {order.channel}: the signature does not hold")
    return envelope


class Records:
    """The orders that were given from here, each in a file of its own."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def path(self, parts: Sequence[Part], wish: Wish, found: Found) -> Path:
        """Where just this is kept."""
        return self._folder / name_of(parts, wish, found)

    def given(self, fleet: str, epoch: int) -> dict[str, int]:
        """The highest generation by channel that was ever given out from here."""
        files = sorted(self._folder.glob("rollback-*.json")) if self._folder.is_dir() else []
        return highest_given([_read(path) for path in files], fleet, epoch)

    def order(self, parts: Sequence[Part], wish: Wish, sight: Sight, keys: Keys, *, anew: bool) -> tuple[Given, bool]:
        """The order, on disk when this returns; and whether it was given before. `anew`: never the same again."""
        path, now = self.path(parts, wish, sight.found), now_ms()
        if path.exists() and not anew:
            before = _read(path)
            if may_repeat(before, sight.found, sight.reports, now):
                return before, True
        trust = sight.found.trust
        envelopes = {part.channel: sealed(compose(part, wish, sight.found, now), keys, trust) for part in parts}
        given = given_of(parts, wish, sight.found, envelopes, now)
        private_dir(self._folder)
        write_durably(path, msgspec.json.format(msgspec.json.encode(given), indent=2) + b"\n")
        return given, False


def following_of(parts: Sequence[Part], given: Given, sight: Sight, at_ms: int) -> Following:
    """Who is waited for, as with a rollback that the controller orders."""
    record = RollbackRecord(
        id=f"offline-{given.at}",
        to_version=", ".join(dict.fromkeys(part.release.order.version for part in parts))[:64],
        targets={part.channel: _target(part, given, sight) for part in parts},
        reason=given.reason,
        created_by=given.by,
        started_at=at_ms,
        selector=given.where,
    )
    acks = [
        AckRecord(rollback_id=record.id, device_id=one, channel=part.channel, online=one in sight.online, standing=pin)
        for part in parts
        for ids, pin in ((part.devices, None), (part.pinned, ReturnStanding.PINNED))
        for one in ids
    ]
    return Following(record, acks, {ack.device_id: _said(ack, sight) for ack in acks})


class Watch:
    """Hears acknowledgements; `enough` is asked again and again with all that came (in the link's thread)."""

    def __init__(self, following: Following, sight: Sight, told: Callable[[Following], None]) -> None:
        self.following = following
        self._told = told
        self._reports = dict(sight.reports)
        self._there = {
            one: Connectivity.ONLINE if one in sight.online else Connectivity.OFFLINE for one in following.acks
        }
        self._seen: dict[str, bytes] = {}

    def begins(self) -> None:
        """The order goes out now; who stood there before has acknowledged a repeated one already."""
        record = self.following.record
        self.following.record = msgspec.structs.replace(record, started_at=now_ms())
        self.following.acknowledged(self.following.back_at_once(), now_ms())

    def enough(self, came: Mapping[str, bytes]) -> bool:
        """Whether nobody is waited for any more."""
        new = [(topic, payload) for topic, payload in came.items() if self._seen.get(topic) is not payload]
        self._seen.update(new)
        for topic, payload in new:
            word = parse_word(topic, payload, retained=False)
            if isinstance(word, Word) and word.device_id in self._there:
                self._hear(word)
        if new:
            self._told(self.following)
        return self.following.view().done

    def _hear(self, word: Word) -> None:
        device_id, following = word.device_id, self.following
        match word.said:
            case Report() as report:
                self._reports[device_id] = report
                self._there[device_id] = Connectivity.ONLINE
            case Presence(state=PresenceState.ONLINE):
                self._there[device_id] = Connectivity.ONLINE
            case Presence():
                self._there[device_id] = Connectivity.OFFLINE
        pinned = not following.acks[device_id].follows
        said = said_of(self._reports.get(device_id), self._there[device_id], pinned=pinned)
        if following.hear(device_id, following.acks[device_id].channel, said):
            following.acknowledged([device_id], now_ms())


async def order_and_follow(way: Way, given: Given, watch: Watch, seconds: float) -> None:
    """Publish, retained, and hear until nobody is waited for, or for so long; LinkError if it does not stand then."""
    orders = [Out(topics.channel(name), text.encode(), retain=True) for name, text in sorted(given.orders.items())]
    listening = Listening(say=orders, enough=watch.enough, seconds=seconds, begins=watch.begins)
    await read_retained(way.link, (*REPORTS, *PRESENCES), listening)
    held = await read_retained(way.link, [one.topic for one in orders])
    lost = [name for name, text in sorted(given.orders.items()) if held.get(topics.channel(name)) != text.encode()]
    if lost:
        raise LinkError(
            f"the broker does not hold the order of channel {', '.join(lost)} any more: somebody replaced it. A "
            "controller that runs answers with its own if that is higher: pyv-fleet rollback without --offline-key"
        )


def now_ms() -> int:
    """The clock, Unix ms."""
    return time.time_ns() // 1_000_000


def _read(path: Path) -> Given:
    try:
        return read_given(path.read_bytes())
    except OfflineRefused as why:
        raise OfflineRefused(f"{path}: {why}; move it away if it is to be forgotten") from None


def _there(retained: Mapping[str, bytes]) -> frozenset[str]:
    words = [parse_word(topic, payload, retained=True) for topic, payload in retained.items() if "/presence" in topic]
    return frozenset(
        one.device_id
        for one in words
        if isinstance(one, Word) and isinstance(one.said, Presence) and one.said.state is PresenceState.ONLINE
    )


def _target(part: Part, given: Given, sight: Sight) -> RollbackTarget:
    order, envelope = order_in(given.orders[part.channel]), given.orders[part.channel].encode()
    was: dict[str, int] = {}
    for one in part.devices:
        report = sight.reports.get(one)
        name = "not heard" if report is None else report.running.version or "no release"
        was[name] = was.get(name, 0) + 1
    attempts = [rule.attempt for rule in order.rules if rule.release == part.release.digest]
    return RollbackTarget(
        release=part.release.digest,
        version=part.release.order.version,
        epoch=order.epoch,
        generation=order.generation,
        attempt=attempts[0],
        message_sha256=digest_of(open_envelope(envelope).payload),
        was=dict(sorted(was.items())),
    )


def _said(ack: AckRecord, sight: Sight) -> Said:
    there = Connectivity.ONLINE if ack.online else Connectivity.OFFLINE
    return said_of(sight.reports.get(ack.device_id), there, pinned=not ack.follows)
