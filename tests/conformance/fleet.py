"""The fleet as the rules know it: keys, and orders signed by them. It plays the controller, honest or not."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from msgspec.structs import replace

from conformance.subject import Carrier
from pyv_fleet.trust import root_document
from pyvorin_edge import envelope, orders, topics
from pyvorin_edge.config.layers import golden_hash
from pyvorin_edge.config.problem import ConfigError
from pyvorin_edge.envelope import public_bytes
from pyvorin_edge.identity import Digest, digest_of, shard_of
from pyvorin_edge.report import Join, JoinLink
from pyvorin_edge.trust import Extra, Link
from pyvorin_edge.vocabulary import ConfigFormat, RuleKind, Verb, Weekday

HOUR_MS = 3_600_000
DAY_MS = 24 * HOUR_MS


class Fleet:
    """One fleet with one channel's worth of orders at a time; each order is kept so that it can be sent again."""

    def __init__(self, carrier: Carrier, device_id: str, address: str, hold_seconds: int = 1) -> None:
        """`hold_seconds`: how long its releases must stay good, unless they say otherwise."""
        self.carrier = carrier
        self.device_id = device_id
        self.name = "acme"
        self.hold_seconds = hold_seconds
        self.root, self.release_key, self.directive_key = (_key(n) for n in (1, 2, 3))
        self.link = link_at(address)
        self.epoch = 1
        self.generation = 100
        self.number = 10
        self.attempts = 0
        self.directive: orders.Directive | None = None
        self.documents: list[bytes] = []
        self.trust(at_once=False)

    # trust

    def trust(
        self,
        *,
        at_once: bool = True,
        directive_key: Ed25519PrivateKey | None = None,
        release_key: Ed25519PrivateKey | None = None,
        signer: Ed25519PrivateKey | None = None,
        expires_ms: int | None = None,
        link: Link | None = None,
        **extra: Any,
    ) -> bytes:
        """The next trust document, published; keys and epoch named here are the fleet's from now on."""
        self.directive_key = directive_key or self.directive_key
        self.release_key = release_key or self.release_key
        self.epoch = extra.get("epoch", self.epoch)
        lasts = expires_ms if expires_ms is not None else self.carrier.now_ms() + 365 * DAY_MS
        terms = root_document.RootTerms(
            root=root_document.RoleKeys((public_bytes(self.root),)),
            release=root_document.RoleKeys((public_bytes(self.release_key),)),
            directive=root_document.RoleKeys((public_bytes(self.directive_key),)),
            extra=Extra(**{"fleet": self.name, "epoch": self.epoch, "link": link or self.link, **extra}),
            expires=datetime(1970, 1, 1, tzinfo=UTC) + timedelta(milliseconds=lasts),
        )
        signers = [signer or self.root]
        made = (
            root_document.next_root(self.documents[-1], terms, signers)
            if self.documents
            else root_document.make_root(terms, signers)
        )
        self.documents.append(made)
        if at_once:
            self.send_trust(len(self.documents))
        return made

    def send_trust(self, version: int) -> None:
        """Publish a version that was made."""
        self.carrier.publish(topics.trust(version), self.documents[version - 1], retain=True)

    def join(self, **bounds: Any) -> Join:
        """What enrolment answers: trust, bounds, the first assignment."""
        sealed = self.seal(self.assignment(number=self.number), envelope.TYPE_ASSIGNMENT)
        return Join(
            v=1,
            fleet=self.name,
            trust_anchor=public_bytes(self.root).hex(),
            trust=tuple(document.decode() for document in self.documents),
            assignment=sealed.decode(),
            incarnation=1,
            **{"epoch": self.epoch, "generation": 0, "number": self.number, **bounds},
            link=JoinLink(mqtt=self.link.mqtt, http=self.link.http, ca_pem=()),
        )

    # orders

    def release(self, version: str, config: bytes, *, publish: bool = True, **fields: Any) -> Digest:
        """Sign a release of a TOML config and publish it with its blob; its digest."""
        gate = orders.Gate(within_seconds=5, hold_seconds=self.hold_seconds)
        made = orders.Release(
            **{
                "v": 1,
                "fleet": self.name,
                "version": version,
                "config": orders.ConfigRef(sha256=digest_of(config), size=len(config), format=ConfigFormat.TOML),
                "golden_hash": _hash_of(config),
                "form": "sorted-json-1",
                "gate": gate,
                **fields,
            }
        )
        return self.release_payload(orders.encode_order(made), config, publish=publish)

    def release_payload(self, payload: bytes, config: bytes, *, publish: bool = True) -> Digest:
        """The same from a payload that may be anything."""
        digest = orders.release_digest(payload)
        if publish:
            sealed = envelope.seal(payload, envelope.TYPE_RELEASE, [self.release_key])
            self.carrier.publish(topics.release(digest), sealed, retain=True)
            self.carrier.publish(topics.blob(digest_of(config)), config, retain=True)
        return digest

    def rule(self, release: Digest, **fields: Any) -> orders.Rule:
        """A rule of the next attempt."""
        if "attempt" not in fields:
            self.attempts += 1
        return orders.Rule(**{"kind": RuleKind.RELEASE, "release": release, "attempt": self.attempts, **fields})

    def order(self, *rules: orders.Rule, **fields: Any) -> orders.Directive:
        """The next directive, not sent."""
        self.generation += 1
        now = self.carrier.now_ms()
        return orders.Directive(
            **{
                "v": 1,
                "fleet": self.name,
                "channel": "stable",
                "epoch": self.epoch,
                "generation": self.generation,
                "rules": rules,
                "pace": orders.Pace(settle_seconds=0, beat_seconds=0),
                "drift": orders.DriftTerms(),
                "issued_at": now,
                "expires_at": now + 30 * DAY_MS,
                "reason": "a test",
                "issued_by": "conformance",
                **fields,
            }
        )

    def direct(self, *rules: orders.Rule | Digest, **fields: Any) -> bytes:
        """Make, sign and publish the next directive; a digest alone is a rule for all. The envelope."""
        lines = tuple(one if isinstance(one, orders.Rule) else self.rule(one) for one in rules)
        return self.send(self.order(*lines, **fields))

    def roll_back(self, release: Digest, **fields: Any) -> bytes:
        """A rollback of the whole channel."""
        return self.direct(self.rule(release, kind=RuleKind.ROLLBACK), **fields)

    def in_an_hour(self) -> orders.WindowSpan:
        """An hour of every day, which begins an hour from now."""
        now = datetime.fromtimestamp(self.carrier.now_ms() / 1000, UTC)
        begins, ends = (f"{now + timedelta(hours=hours):%H:%M}" for hours in (1, 2))
        return orders.WindowSpan(days=tuple(Weekday), from_=begins, to=ends)

    def refresh(self) -> bytes:
        """The same rules under a new generation."""
        assert self.directive is not None
        self.generation += 1
        return self.send(replace(self.directive, generation=self.generation, issued_at=self.carrier.now_ms()))

    def send(self, order: orders.Directive, key: Ed25519PrivateKey | None = None) -> bytes:
        """Sign and publish a directive; the envelope."""
        self.directive = order
        sealed = self.seal(order, envelope.TYPE_DIRECTIVE, key)
        self.carrier.publish(topics.channel(order.channel), sealed, retain=True)
        return sealed

    def assignment(self, **fields: Any) -> orders.Assignment:
        """An assignment of the next number, not sent."""
        if "number" not in fields:
            self.number += 1
        return orders.Assignment(
            **{
                "v": 1,
                "fleet": self.name,
                "epoch": self.epoch,
                "device_id": self.device_id,
                "number": self.number,
                "channel": "stable",
                "issued_at": self.carrier.now_ms(),
                "issued_by": "conformance",
                **fields,
            }
        )

    def assign(self, **fields: Any) -> bytes:
        """Make, sign and publish the next assignment; the envelope."""
        sealed = self.seal(self.assignment(**fields), envelope.TYPE_ASSIGNMENT)
        self.carrier.publish(topics.assignment(self.device_id), sealed, retain=True)
        return sealed

    def request(self, verb: Verb, boot_id: str | None, *, retain: bool = False, **fields: Any) -> bytes:
        """Ask the device something; the envelope."""
        now = self.carrier.now_ms()
        made = orders.Request(
            **{
                "v": 1,
                "fleet": self.name,
                "epoch": self.epoch,
                "request_id": f"request-{self.generation}-{now}",
                "verb": verb,
                "boot_id": boot_id,
                "device_id": self.device_id,
                "issued_at": now,
                "expires_at": now + 60_000,
                **fields,
            }
        )
        sealed = self.seal(made, envelope.TYPE_REQUEST)
        topic = topics.request(self.device_id) if made.shard is None else topics.shard_request(shard_of(self.device_id))
        self.carrier.publish(topic, sealed, retain=retain)
        return sealed

    def seal(self, order: Any, payload_type: str, key: Ed25519PrivateKey | None = None) -> bytes:
        """An order in its envelope, by the directive key or another."""
        return envelope.seal(orders.encode_order(order), payload_type, [key or self.directive_key])


def link_at(address: str) -> Link:
    """A link that names one address, of a broker or a controller."""
    return Link(http=(address,)) if address.startswith("https://") else Link(mqtt=(address,))


def stranger() -> Ed25519PrivateKey:
    """A key that holds no role."""
    return _key(99)


def other_key(number: int) -> Ed25519PrivateKey:
    """A key for a rotation."""
    return _key(40 + number)


def _key(number: int) -> Ed25519PrivateKey:
    return Ed25519PrivateKey.from_private_bytes(bytes([number]) * 32)


def _hash_of(config: bytes) -> str:
    """Of a config that does not parse too: such a release is forced past the controller's own checks."""
    try:
        return golden_hash(config, ConfigFormat.TOML, {})
    except ConfigError:
        return "0" * 64
