"""What a broker holds, sorted out: which of it this fleet's keys signed, and so can be believed. Pure.

Used to catch up (a store that was restored from a backup) and to recover (a store that was lost): PROTOCOL 5, rules for
the controller.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import msgspec

from pyvorin_edge import topics
from pyvorin_edge.envelope import (
    TYPE_ASSIGNMENT,
    TYPE_DIRECTIVE,
    TYPE_RELEASE,
    Envelope,
    EnvelopeError,
    open_envelope,
)
from pyvorin_edge.errors import PyvorinError
from pyvorin_edge.identity import Digest, digest_of
from pyvorin_edge.orders import Assignment, Directive, OrderError, Release, decode_order, release_digest
from pyvorin_edge.topics import Kind
from pyvorin_edge.trust import Trust, TrustError, advance, holds
from pyvorin_edge.vocabulary import Role

#: a rollout gives out one more than the last: a device that reports one far beyond lies
ATTEMPT_MAX = 1_000_000
#: a generation is the controller's own clock, or one more than the last: a device that reports one far beyond lies,
#: and must not use up the numbers of all others
REPORTED_AHEAD_MAX_MS = 366 * 86_400_000


class FoundDirective(msgspec.Struct, frozen=True):
    """What a channel orders, signed by who may order."""

    order: Directive
    envelope: bytes
    payload: bytes


class FoundAssignment(msgspec.Struct, frozen=True):
    """What a device is told, signed by who may order."""

    order: Assignment
    envelope: bytes


class FoundRelease(msgspec.Struct, frozen=True):
    """A release with its config, signed by who may release."""

    digest: Digest
    order: Release
    envelope: bytes
    blob: bytes


class Found(msgspec.Struct, frozen=True, kw_only=True):
    """What of a broker's memory holds. `refused` names each topic that does not, and why."""

    #: after the newest document that was found
    trust: Trust
    directives: dict[str, FoundDirective] = {}
    assignments: dict[str, FoundAssignment] = {}
    releases: dict[Digest, FoundRelease] = {}
    refused: tuple[str, ...] = ()


class _Refused(PyvorinError):
    """Why a message is not believed."""


def follow(trust: Trust, retained: Mapping[str, bytes]) -> tuple[Trust, tuple[bytes, ...]]:
    """The newest trust that the documents found lead to, and the documents that led there; a gap or a forgery ends
    the chain."""
    taken = []
    while (document := retained.get(topics.trust(trust.version + 1))) is not None:
        try:
            trust = advance(trust, document)
        except TrustError:
            break
        taken.append(document)
    return trust, tuple(taken)


def sort_out(trust: Trust, fleet: str, retained: Mapping[str, bytes]) -> Found:
    """All that can be believed by `trust`, each bound to the topic that it was found on."""
    directives: dict[str, FoundDirective] = {}
    assignments: dict[str, FoundAssignment] = {}
    releases: dict[Digest, FoundRelease] = {}
    refused = []
    for topic, payload in sorted(retained.items()):
        parsed = topics.parse(topic)
        try:
            match None if parsed is None or not payload else parsed.kind:
                case Kind.CHANNEL if parsed is not None:
                    directives[parsed.name] = _directive(trust, fleet, parsed.name, payload)
                case Kind.ASSIGNMENT if parsed is not None:
                    assignments[parsed.name] = _assignment(trust, fleet, parsed.name, payload)
                case Kind.RELEASE if parsed is not None:
                    found = _release(trust, fleet, parsed.name, payload, retained)
                    releases[found.digest] = found
                case _:
                    continue
        except (_Refused, EnvelopeError, OrderError) as why:
            refused.append(f"{topic}: {why}")
    return Found(trust=trust, directives=directives, assignments=assignments, releases=releases, refused=tuple(refused))


def attempts_of(found: Found) -> dict[Digest, int]:
    """The highest attempt that an order names, by release."""
    named = [(rule.release, rule.attempt) for one in found.directives.values() for rule in one.order.rules]
    pins = (one.order.pin for one in found.assignments.values())
    return highest([*named, *((pin.release, pin.attempt) for pin in pins if pin is not None)])


def highest(attempts: Iterable[tuple[str, int]]) -> dict[Digest, int]:
    """The highest possible attempt by release."""
    found: dict[Digest, int] = {}
    for release, attempt in attempts:
        if attempt <= ATTEMPT_MAX:
            found[Digest(release)] = max(attempt, found.get(Digest(release), 0))
    return found


def last_issued_at(found: Found) -> int:
    """Unix ms of the newest order; 0 without any. The next one must be later (rule 8)."""
    directives = [one.order.issued_at for one in found.directives.values()]
    return max([*directives, *(one.order.issued_at for one in found.assignments.values())], default=0)


def knows_again(known_key: str, key: str, *, quarantined: bool, newest: int, issued_at: int) -> bool:
    """Whether a certificate of our CA that the store does not know is taken for the device's.

    The CA signs only what an enrolment or a renewal let in: a device whose key is not known shows it now, the same key
    was renewed, and another one counts if it was issued after all that the store knows (times in Unix ms).
    """
    return not quarantined and (known_key in ("", key) or issued_at > newest > 0)


def missing_releases(found: Found) -> tuple[Digest, ...]:
    """What an order names and the broker does not hold whole: it cannot be rolled out again before it is published."""
    return tuple(sorted(attempts_of(found).keys() - found.releases.keys()))


def _directive(trust: Trust, fleet: str, channel: str, payload: bytes) -> FoundDirective:
    opened = _signed(trust, Role.DIRECTIVE, TYPE_DIRECTIVE, payload)
    order = decode_order(opened.payload, Directive)
    _refuse_other(fleet, order.fleet, channel, order.channel)
    if order.epoch != trust.epoch:
        raise _Refused(f"epoch {order.epoch}, and the fleet's is {trust.epoch}")
    return FoundDirective(order, payload, opened.payload)


def _assignment(trust: Trust, fleet: str, device_id: str, payload: bytes) -> FoundAssignment:
    """One of an earlier epoch still says what the device was told; it is signed anew when orders may go out."""
    order = decode_order(_signed(trust, Role.DIRECTIVE, TYPE_ASSIGNMENT, payload).payload, Assignment)
    _refuse_other(fleet, order.fleet, device_id, order.device_id)
    if order.epoch > trust.epoch:
        raise _Refused(f"epoch {order.epoch}, and the fleet's is {trust.epoch}")
    return FoundAssignment(order, payload)


def _release(trust: Trust, fleet: str, digest: str, payload: bytes, retained: Mapping[str, bytes]) -> FoundRelease:
    opened = _signed(trust, Role.RELEASE, TYPE_RELEASE, payload)
    order = decode_order(opened.payload, Release)
    _refuse_other(fleet, order.fleet, digest, release_digest(opened.payload))
    blob = retained.get(topics.blob(order.config.sha256))
    if blob is None or digest_of(blob) != order.config.sha256:
        raise _Refused(f"its config {order.config.sha256} is not there whole")
    return FoundRelease(Digest(digest), order, payload, blob)


def _signed(trust: Trust, role: Role, kind: str, payload: bytes) -> Envelope:
    """Verified before it is parsed."""
    opened = open_envelope(payload)
    if opened.payload_type != kind:
        raise _Refused(f"payloadType is {opened.payload_type!r}, not {kind!r}")
    if not holds(trust, role, opened):
        raise _Refused(f"not signed by the {role.value} role of trust document {trust.version}")
    return opened


def _refuse_other(fleet: str, said_fleet: str, name: str, said_name: str) -> None:
    if said_fleet != fleet:
        raise _Refused(f"it is for fleet {said_fleet!r}")
    if said_name != name:
        raise _Refused(f"it is for {said_name!r}")
