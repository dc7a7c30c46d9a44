"""The rules asked of a real agent without any network: orders come by parcel, and it is looked at where it stands."""

from __future__ import annotations

import base64
import contextlib
import tempfile
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import msgspec

from conformance.agent_subject import AgentSubject, FleetSide
from conformance.subject import Able, Carrier, Subject
from pyv_edge_agent.control import ControlError, NotRunning, ask
from pyvorin_edge import orders, topics, wire
from pyvorin_edge.report import Join, Report
from pyvorin_edge.topics import Kind


class Satchel:
    """Carries all that was published in one parcel, and again whenever something new was."""

    def __init__(self) -> None:
        self.retained: dict[str, bytes] = {}
        self.said: list[tuple[str, bytes]] = []
        self.socket: Path | None = None

    def publish(self, topic: str, payload: bytes, *, retain: bool) -> None:
        if payload:
            self.retained[topic] = payload
        elif retain:
            self.retained.pop(topic, None)
        parsed = topics.parse(topic)
        if parsed is not None and parsed.kind in (Kind.TRUST, Kind.CHANNEL, Kind.ASSIGNMENT):
            self.deliver()

    def deliver(self) -> None:
        """To the agent, if it runs."""
        if self.socket is None or not self.socket.exists():
            return
        with contextlib.suppress(NotRunning):
            ask(self.socket, "parcel", {"parcel": base64.b64encode(self.parcel()).decode()})

    def parcel(self) -> bytes:
        """Everything."""
        of_kind: dict[Kind, list[bytes]] = {kind: [] for kind in Kind}
        for topic, payload in sorted(self.retained.items(), key=lambda item: _order(item[0])):
            parsed = topics.parse(topic)
            if parsed is not None:
                of_kind[parsed.kind].append(payload)
        one = {
            name: of_kind[kind][-1].decode("utf-8", "replace") if of_kind[kind] else None
            for name, kind in (("directive", Kind.CHANNEL), ("assignment", Kind.ASSIGNMENT))
        }
        made = orders.Parcel(
            v=1,
            trust=tuple(document.decode() for document in of_kind[Kind.TRUST]),
            releases=tuple(envelope.decode() for envelope in of_kind[Kind.RELEASE]),
            blobs=tuple(base64.b64encode(blob).decode() for blob in of_kind[Kind.BLOB]),
            **one,
        )
        return wire.encode(made)

    def now_ms(self) -> int:
        return time.time_ns() // 1_000_000


class ParcelSubject(AgentSubject):
    """See AgentSubject; it reports to nobody, so each look at its reports asks it."""

    able: frozenset[Able] = frozenset()

    def __init__(self, satchel: Satchel, root: Path) -> None:
        super().__init__(FleetSide(("127.0.0.1", 9), "", lambda _: (b"", b""), ""), satchel, root)
        self._satchel = satchel
        self._seen: list[Report] = []

    def provision(self, join: Join, live: bytes, environment: Mapping[str, str]) -> None:
        super().provision(join, live, environment)
        for name in ("join.json", "device.pem", "server_ca.pem"):
            (self.state / name).unlink()
        (self.state / "device.key").write_bytes(b"only hides values in hashes")
        for version, document in enumerate(join.trust, start=1):
            self._satchel.retained.setdefault(topics.trust(version), document.encode())

    def start(self) -> None:
        super().start()
        self._satchel.socket = self.state / "agent.sock"
        self.until(lambda: self._asked("report") is not None, "the agent answers")
        self._satchel.deliver()

    def reports(self) -> list[Report]:
        found = self._asked("report")
        if found is not None:
            report = msgspec.convert(found, Report)
            if not self._seen or _without_time(report) != _without_time(self._seen[-1]):
                self._seen.append(report)
        return list(self._seen)

    def kill(self) -> None:
        self.reports()
        super().kill()
        (self.state / "agent.sock").unlink(missing_ok=True)

    def _asked(self, verb: str) -> Any:
        with contextlib.suppress(ControlError, FileNotFoundError):
            return ask(self.state / "agent.sock", verb)
        return None


def parcel_agent() -> Iterator[tuple[Subject, Carrier]]:
    """A subject and its carrier."""
    satchel = Satchel()
    with tempfile.TemporaryDirectory(prefix="pyv-agent-") as place:
        subject = ParcelSubject(satchel, Path(place))
        yield subject, satchel
        subject.close()


def _order(topic: str) -> tuple[str, int]:
    name = topic.rpartition("/")[2]
    return topic.rpartition("/")[0], int(name) if name.isdigit() else 0


def _without_time(report: Report) -> Report:
    return msgspec.structs.replace(report, at=0, health={})
