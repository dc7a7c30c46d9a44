"""Releases and blobs as they come: verified, addressed by digest, kept in the store (PROTOCOL 3, 4)."""

from __future__ import annotations

from pyv_edge_agent.core import events as ev
from pyv_edge_agent.core.device import Turn
from pyv_edge_agent.core.effects import KeepBlob, KeepRelease, Log, Look
from pyv_edge_agent.core.hearing import refuse
from pyv_edge_agent.core.obey import NotObeyed, Taken, heed_release
from pyv_edge_agent.core.update import phase_of
from pyvorin_edge import topics, wire
from pyvorin_edge.identity import Digest, digest_of
from pyvorin_edge.orders import Release
from pyvorin_edge.topics import Kind
from pyvorin_edge.vocabulary import Phase, Refusal


def hear_content(turn: Turn, event: ev.Arrived, *, stored: bool = False) -> NotObeyed | None:
    """A message of a release or blob topic, or the store's answer; why the release does not count, else none."""
    topic = topics.parse(event.topic)
    if topic is None or not event.payload:
        return None
    if topic.kind is Kind.RELEASE:
        return _release(turn, Digest(topic.name), event.payload, stored)
    if topic.kind is Kind.BLOB:
        _blob(turn, Digest(topic.name), event.payload, stored)
    return None


def verify_held(turn: Turn) -> None:
    """At start and after each new trust document: do the envelopes of held releases still verify? (PROTOCOL 4)"""
    turn.set(stale=frozenset())
    turn.do(*(Look(release=release) for release in sorted(_held(turn))))


def held_looked(turn: Turn, event: ev.Looked) -> None:
    """The store's answer: an envelope that is gone or no longer verifies is fetched again, when the network has one."""
    if event.release is None or event.release not in _held(turn):
        return
    if event.data is None or isinstance(_heeded(turn, event.release, event.data), NotObeyed):
        turn.set(stale=turn.device.stale | {event.release})


def stale_topics(turn: Turn) -> frozenset[str]:
    """Topics of the held releases whose envelopes are to be renewed."""
    stale = turn.device.stale
    return frozenset(topics.release(release) for release in stale & _held(turn)) if stale else frozenset()


def _release(turn: Turn, digest: Digest, data: bytes, stored: bool) -> NotObeyed | None:
    trial, stale = turn.memory.trial, digest in turn.device.stale
    fetching = trial is not None and trial.phase is Phase.FETCHING and trial.target.release == digest
    wanted = fetching and turn.device.release is None
    if not wanted and not stale:
        return None
    heeded = _heeded(turn, digest, data)
    if isinstance(heeded, NotObeyed):
        if not stored:
            refuse(turn, f"release/{digest[:12]}", heeded.code, heeded.detail)
        return heeded if wanted else None
    if not stored:
        turn.do(KeepRelease(digest, data))
        turn.set(stale=turn.device.stale - {digest})
    if wanted:
        turn.set(release=heeded.order)
        turn.do(Look(blob=heeded.order.config.sha256))
    return None


def _blob(turn: Turn, digest: Digest, data: bytes, stored: bool) -> None:
    release = turn.device.release
    if phase_of(turn.memory) is not Phase.FETCHING or release is None or turn.device.blob is not None:
        return
    if release.config.sha256 != digest:
        return
    if len(data) <= wire.BLOB_BYTES_MAX and digest_of(data) == digest:
        turn.set(blob=data)
        if not stored:
            turn.do(KeepBlob(digest, data))
    elif stored:
        turn.do(Log("warning", f"blob {digest[:12]} in the store is spoilt"))
    else:
        refuse(turn, f"blob/{digest[:12]}", Refusal.ADDRESS, "the bytes do not hash to the topic's digest")


def _heeded(turn: Turn, digest: Digest, data: bytes) -> Taken[Release] | NotObeyed:
    return heed_release(data, digest, turn.device.trust, turn.state)


def _held(turn: Turn) -> frozenset[Digest]:
    kept = (turn.memory.committed, *turn.memory.previous)
    return frozenset(one.release for one in kept if one is not None and one.release is not None)
