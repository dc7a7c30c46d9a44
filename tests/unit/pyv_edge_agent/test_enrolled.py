"""The join document into memory: once, and never against what was learned since."""

from __future__ import annotations

import base64
import json
from datetime import UTC, datetime
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from msgspec.structs import replace

from pyv_edge_agent.core.memory import Heard, Memory, State
from pyv_edge_agent.enrolled import Enrolled, proof_to_keep, read_enrolled, read_server_ca, read_trust, with_join
from pyv_edge_agent.link.interface import LinkError
from pyv_edge_agent.state_dir import StateDir
from pyv_fleet.trust.root_document import RoleKeys, RootTerms, make_root
from pyvorin_edge import wire
from pyvorin_edge.envelope import TYPE_ASSIGNMENT, open_envelope, public_bytes, seal
from pyvorin_edge.report import Join, JoinLink
from pyvorin_edge.trust import Extra, TrustError, holds
from pyvorin_edge.vocabulary import Role

LATER = datetime(2040, 1, 1, tzinfo=UTC)
ASSIGNMENT = seal(b'{"channel":"stable"}', TYPE_ASSIGNMENT, [Ed25519PrivateKey.from_private_bytes(bytes(32))])
JOIN = Join(
    v=1, fleet="acme", trust_anchor="ab" * 32, trust=("one", "two"), assignment=ASSIGNMENT.decode(), incarnation=2,
    epoch=1, generation=7, number=3, link=JoinLink(mqtt=("h:1",), http=("https://h",), ca_pem=()),
)  # fmt: skip


def test_a_fresh_memory_takes_trust_bounds_and_incarnation() -> None:
    memory = with_join(Memory(), JOIN)
    assert memory.trust == (b"one", b"two")
    assert memory.state.incarnation == 2
    assert memory.state.fleet == "acme"
    assert memory.state.heard == {"stable": Heard(epoch=1, generation=7)}
    assert memory.state.heard_assignment == Heard(epoch=1, generation=3)


def test_taken_again_it_changes_nothing() -> None:
    memory = with_join(Memory(), JOIN)
    assert with_join(memory, JOIN) is memory


def test_what_was_learned_since_stays() -> None:
    heard = Heard(epoch=1, generation=9)
    learned = Memory(trust=(b"one", b"two", b"three"), state=State(boot=4, incarnation=3, heard={"stable": heard}))
    memory = with_join(learned, JOIN)
    assert memory.trust == learned.trust
    assert memory.state.heard["stable"] == heard
    assert memory.state.incarnation == 3


def test_a_card_enrolled_anew_keeps_its_growing_incarnation() -> None:
    memory = with_join(Memory(state=State(boot=4, incarnation=1)), replace(JOIN, incarnation=2))
    assert memory.state.incarnation == 2


def test_an_assignment_that_cannot_be_read_gives_no_bound() -> None:
    assert with_join(Memory(), replace(JOIN, assignment="{}")).state.heard == {}


def test_a_directory_that_was_never_provisioned_is_no_fleets(tmp_path: Path) -> None:
    place = StateDir(tmp_path)
    assert read_enrolled(place) is None
    trust = read_trust(place, ())
    assert not holds(trust, Role.DIRECTIVE, open_envelope(ASSIGNMENT))


def test_the_files_of_a_provisioned_one_are_read(tmp_path: Path) -> None:
    place = StateDir(tmp_path)
    place.join.write_bytes(wire.encode(JOIN))
    place.server_ca.write_text("PEM")
    key = Ed25519PrivateKey.from_private_bytes(bytes(32)).public_key().public_bytes_raw()
    place.trust_anchor.write_text(f'{{"public_key": "{key.hex()}"}}')
    enrolled = read_enrolled(place)
    assert enrolled is not None
    assert (enrolled.whereabouts.mqtt, enrolled.whereabouts.ca_pem) == (("h:1",), ())
    assert read_server_ca(place) == "PEM"
    assert holds(read_trust(place, ()), Role.DIRECTIVE, open_envelope(ASSIGNMENT))


def test_what_is_broken_is_named(tmp_path: Path) -> None:
    place = StateDir(tmp_path)
    with pytest.raises(LinkError, match=r"server_ca\.pem"):
        read_server_ca(place)
    place.join.write_bytes(b"{}")
    with pytest.raises(LinkError, match="join document is not readable"):
        read_enrolled(place)
    place.trust_anchor.write_text('{"public_key": "short"}')
    with pytest.raises(TrustError, match=r"trust_anchor\.json"):
        read_trust(place, ())


def test_a_join_document_of_a_strange_controller_breaks_nothing() -> None:
    deep = json.dumps({"payload": base64.b64encode(b"[" * 5500).decode(), "payloadType": "x",
                       "signatures": [{"keyid": "a", "sig": ""}]})  # fmt: skip
    strange = replace(JOIN, assignment=deep, link=JoinLink(mqtt=(), http=("http://[",), ca_pem=()))
    assert with_join(Memory(), strange).state.heard == {}
    assert Enrolled(strange).origins == frozenset()


def chain_of(key: Ed25519PrivateKey, signer: Ed25519PrivateKey) -> tuple[bytes, ...]:
    held = RoleKeys((public_bytes(key),))
    terms = RootTerms(root=held, release=held, directive=held, extra=Extra(fleet="acme", epoch=1), expires=LATER)
    return (make_root(terms, [signer]),)


def test_a_kept_proof_stands_for_its_own_anchor_and_documents_alone(tmp_path: Path) -> None:
    place = StateDir(tmp_path)
    key, stranger = (Ed25519PrivateKey.from_private_bytes(bytes([n]) * 32) for n in (1, 2))
    place.trust_anchor.write_bytes(wire.encode({"public_key": public_bytes(key).hex()}))
    good = chain_of(key, key)
    verified = read_trust(place, good)
    proof = proof_to_keep(place, good)
    assert proof is not None
    place.trust_proof.write_bytes(proof)
    assert proof_to_keep(place, good) is None
    assert read_trust(place, good) == verified
    with pytest.raises(TrustError, match="anchor"):
        read_trust(place, chain_of(stranger, stranger))
    place.trust_anchor.write_bytes(wire.encode({"public_key": public_bytes(stranger).hex()}))
    with pytest.raises(TrustError, match="anchor"):
        read_trust(place, good)
