"""What a provisioned state directory says of the fleet, and how memory takes it in (PROTOCOL 2)."""

from __future__ import annotations

from pathlib import Path
from urllib.parse import urlsplit

import msgspec
from msgspec.structs import replace

from pyv_edge_agent.core.memory import Heard, Memory
from pyv_edge_agent.link.interface import LinkError
from pyv_edge_agent.link.join import parse_join
from pyv_edge_agent.state_dir import StateDir
from pyvorin_edge import trust, wire
from pyvorin_edge.envelope import open_envelope
from pyvorin_edge.errors import PyvorinError
from pyvorin_edge.report import Join
from pyvorin_edge.trust import Link as Whereabouts
from pyvorin_edge.trust import Trust
from pyvorin_edge.vocabulary import Role


class Enrolled(msgspec.Struct, frozen=True):
    """The join document."""

    join: Join

    @property
    def whereabouts(self) -> Whereabouts:
        """Where the fleet was at enrolment; without CAs the pinned one counts (server_ca.pem)."""
        link = self.join.link
        return Whereabouts(mqtt=link.mqtt, http=link.http, ca_pem=link.ca_pem)

    @property
    def origins(self) -> frozenset[str]:
        """`host:port` of what the fleet serves over HTTP, under its own CA."""
        return frozenset(filter(None, map(_origin_of, self.join.link.http)))


def read_enrolled(place: StateDir) -> Enrolled | None:
    """None if the directory was never provisioned; LinkError if it was, and its files cannot be used."""
    try:
        body = place.join.read_bytes()
    except FileNotFoundError:
        return None
    except OSError as why:
        raise LinkError(f"{place.join}: cannot be read: {why.strerror}") from None
    return Enrolled(parse_join(body))


def read_server_ca(place: StateDir) -> str:
    """The server CA that the token named, in PEM; LinkError if it cannot be read."""
    try:
        return place.server_ca.read_text(encoding="ascii")
    except (OSError, UnicodeDecodeError) as why:
        raise LinkError(f"{place.server_ca}: cannot be read: {why}; provision again") from None


def read_trust(place: StateDir, documents: tuple[bytes, ...]) -> Trust:
    """Trust from the anchor along the documents; without an anchor nobody is trusted. TrustError if it breaks."""
    try:
        anchor = place.trust_anchor.read_bytes()
    except FileNotFoundError:
        return Trust(anchor_key=b"", roles={role: trust.Keys({}, 1) for role in Role})
    except OSError as why:
        raise trust.TrustError(f"{place.trust_anchor}: cannot be read: {why.strerror}") from None
    if _kept(place.trust_proof) == trust.proof_of(anchor, documents):
        known = trust.verified_before(anchor, documents)
        if known is not None:
            return known
    return trust.advance_all(trust.parse_anchor(anchor), documents)


def proof_to_keep(place: StateDir, documents: tuple[bytes, ...]) -> bytes | None:
    """What `trust_proof` must say once `read_trust` believed those documents; none if it says so already."""
    if not documents:
        return None
    try:
        proof = trust.proof_of(place.trust_anchor.read_bytes(), documents)
    except OSError:
        return None
    return None if _kept(place.trust_proof) == proof else proof.encode("ascii")


def with_join(memory: Memory, join: Join) -> Memory:
    """Memory with what the join document brings; what was learned since stays. Taken in again, it changes nothing."""
    documents = tuple(text.encode("utf-8") for text in join.trust)
    state = memory.state
    heard = dict(state.heard)
    channel = _channel_of(join)
    if channel is not None:
        heard.setdefault(channel, Heard(epoch=join.epoch, generation=join.generation))
    state = replace(
        state,
        fleet=state.fleet or join.fleet,
        incarnation=join.incarnation if state.boot == 0 else max(state.incarnation, join.incarnation),
        heard=heard,
        heard_assignment=state.heard_assignment or Heard(epoch=join.epoch, generation=join.number),
    )
    longer = documents if len(documents) > len(memory.trust) else memory.trust
    after = replace(memory, state=state, trust=longer)
    return memory if after == memory else after


def _origin_of(url: str) -> str | None:
    try:
        return urlsplit(url).netloc
    except ValueError:
        return None  # whoever connects there says what is wrong with it


def _channel_of(join: Join) -> str | None:
    """Whose generation the bound is of: the channel of the assignment, which is verified only when it is taken."""
    try:
        payload = open_envelope(join.assignment.encode("utf-8")).payload
        said = wire.loads_strict(payload, limit_bytes=wire.ORDER_BYTES_MAX)
    except PyvorinError:
        return None
    channel = said.get("channel") if isinstance(said, dict) else None
    return channel if isinstance(channel, str) else None


def _kept(path: Path) -> str | None:
    try:
        return path.read_text(encoding="ascii")
    except (OSError, UnicodeDecodeError):
        return None
