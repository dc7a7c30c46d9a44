"""The rules asked of a real agent without MQTT: its own process, HTTPS alone, by long poll and POST."""

from __future__ import annotations

import atexit
import contextlib
import tempfile
from collections.abc import Iterator
from pathlib import Path

from conformance.agent_subject import AgentSubject, FleetSide
from conformance.subject import Able, Carrier, Subject
from pyv_edge_agent.control import ControlError, ask
from running.office import Office, office

_open: list[tuple[contextlib.ExitStack, Office]] = []


class HttpSubject(AgentSubject):
    """See AgentSubject: only what it meets is another."""

    able = frozenset({Able.NETWORK})

    def disconnect(self) -> None:
        """Between two polls it has no connection to be cut: so this waits until the agent knows."""
        super().disconnect()
        if self._process is not None:
            self.until(lambda: not self._is_connected(), "it knows that it is cut off")

    def _is_connected(self) -> bool:
        try:
            return bool(ask(self.state / "agent.sock", "health")["fleet"]["connected"])
        except (ControlError, OSError):
            return False


def http_agent() -> Iterator[tuple[Subject, Carrier]]:
    """A subject and its carrier; the office is shared by all tests, what is laid in is not."""
    serving = _office()
    side = FleetSide(serving.address, "https://", serving.enrol, serving.server_ca_pem)
    with tempfile.TemporaryDirectory(prefix="pyv-agent-") as place:
        subject = HttpSubject(side, serving, Path(place))
        yield subject, serving
        subject.close()
    serving.forget()


def _office() -> Office:
    if not _open:
        stack = contextlib.ExitStack()
        _open.append((stack, stack.enter_context(office())))
        atexit.register(stack.close)
    return _open[0][1]
