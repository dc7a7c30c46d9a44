"""Releases and blobs: verified, kept, and verified anew when trust changes (PROTOCOL 3, 4)."""

from __future__ import annotations

import pytest

from conformance.fleet import other_key
from pyv_edge_agent.core import effects as do
from pyv_edge_agent.core import events as ev
from pyvorin_edge import envelope, topics
from pyvorin_edge.identity import Digest, digest_of
from pyvorin_edge.vocabulary import Refusal
from running.brain import Bench

ONE = b"[windows]\ndefault_size = 1\n"


@pytest.fixture
def bench() -> Bench:
    made = Bench()
    made.connect()
    made.assign()
    return made


def sealed(bench: Bench, digest: Digest) -> bytes:
    return bench.broker.retained[topics.release(digest)]


def test_a_verified_release_is_kept_and_its_blob_looked_for(bench: Bench) -> None:
    digest = bench.release("1.0", ONE)
    bench.direct(digest)
    bench.feed(ev.Looked(release=digest, data=None))
    bench.deliver(topics.release(digest))
    assert do.KeepRelease(digest, sealed(bench, digest)) in bench.last
    assert do.Look(blob=digest_of(ONE)) in bench.last


def test_what_nobody_asked_for_is_not_kept(bench: Bench) -> None:
    digest = bench.release("1.0", ONE)
    bench.deliver(topics.release(digest))
    bench.deliver(topics.blob(digest_of(ONE)))
    assert bench.last == ()


def test_what_lies_in_the_store_is_not_written_again(bench: Bench) -> None:
    digest = bench.release("1.0", ONE)
    bench.direct(digest)
    bench.feed(ev.Looked(release=digest, data=sealed(bench, digest)))
    assert not bench.did(do.KeepRelease)
    bench.feed(ev.Looked(blob=digest_of(ONE), data=ONE))
    assert not bench.did(do.KeepBlob)


@pytest.mark.parametrize("spoilt", [b"[windows]\n", b"x" * 70_000])
def test_a_blob_that_is_another_is_refused_and_waited_for(bench: Bench, spoilt: bytes) -> None:
    digest = bench.release("1.0", ONE)
    bench.direct(digest)
    bench.feed(ev.Looked(release=digest, data=sealed(bench, digest)))
    bench.feed(ev.Looked(blob=digest_of(ONE), data=None))
    bench.feed(ev.Arrived(topics.blob(digest_of(ONE)), spoilt, True))
    assert bench.memory.state.refused is not None
    assert bench.memory.state.refused.code is Refusal.ADDRESS
    bench.deliver(topics.blob(digest_of(ONE)))
    assert bench.did(do.Stage)


def test_a_spoilt_blob_in_the_store_is_fetched(bench: Bench) -> None:
    digest = bench.release("1.0", ONE)
    bench.direct(digest)
    bench.feed(ev.Looked(release=digest, data=sealed(bench, digest)))
    bench.feed(ev.Looked(blob=digest_of(ONE), data=b"spoilt"))
    assert bench.memory.state.refused is None
    assert do.Subscribe((topics.blob(digest_of(ONE)),)) in bench.last


def test_new_trust_looks_at_the_envelopes_of_all_that_is_held(bench: Bench) -> None:
    digest = bench.release("1.0", ONE)
    bench.settle_on(digest, ONE)
    bench.fleet.trust(release_key=other_key(7))
    bench.deliver(topics.trust(2))
    assert do.Look(release=digest) in bench.last


def test_an_envelope_that_no_longer_verifies_is_renewed_from_the_network(bench: Bench) -> None:
    digest = bench.release("1.0", ONE)
    bench.settle_on(digest, ONE)
    old = sealed(bench, digest)
    bench.fleet.trust(release_key=other_key(7))
    bench.deliver(topics.trust(2))
    bench.feed(ev.Looked(release=digest, data=old))
    assert do.Subscribe((topics.release(digest),)) in bench.last
    bench.feed(ev.Arrived(topics.release(digest), old, True))
    assert not bench.did(do.KeepRelease)
    payload = envelope.open_envelope(old).payload
    renewed = envelope.seal(payload, envelope.TYPE_RELEASE, [other_key(7)])
    bench.feed(ev.Arrived(topics.release(digest), renewed, True))
    assert bench.did(do.KeepRelease) == [do.KeepRelease(digest, renewed)]
    assert do.Unsubscribe((topics.release(digest),)) in bench.last


def test_an_envelope_that_still_verifies_is_not_fetched(bench: Bench) -> None:
    digest = bench.release("1.0", ONE)
    bench.settle_on(digest, ONE)
    bench.fleet.trust(floor=0)
    bench.deliver(topics.trust(2))
    bench.feed(ev.Looked(release=digest, data=sealed(bench, digest)))
    assert not bench.did(do.Subscribe)


def test_a_start_looks_too_for_a_restart_may_have_come_between(bench: Bench) -> None:
    digest = bench.release("1.0", ONE)
    bench.settle_on(digest, ONE)
    bench.boot(bench.memory)
    assert do.Look(release=digest) in bench.last
