"""A subject with the questions that tests ask of it, all answered from its reports and its files."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from conformance.fleet import Fleet
from conformance.subject import Able, Subject
from pyvorin_edge.canonical import config_hash
from pyvorin_edge.config.formats import parse, sniff
from pyvorin_edge.config.problem import ConfigError
from pyvorin_edge.identity import Digest
from pyvorin_edge.orders import Gate
from pyvorin_edge.report import Report
from pyvorin_edge.vocabulary import Outcome, Phase, WaitingFor


class Watched:
    """One enrolled device."""

    def __init__(self, subject: Subject, fleet: Fleet) -> None:
        self.subject = subject
        self.fleet = fleet

    def enrol(self, environment: Mapping[str, str] | None = None, **bounds: Any) -> None:
        """Trust, bounds and a provisioned config; not started."""
        self.subject.provision(self.fleet.join(**bounds), self.config(0), environment or {})

    def config(self, marker: int, **changes: Any) -> bytes:
        """A good config that differs by its marker."""
        return self.subject.config({"windows": {"default_size": 100 + marker}, **changes})

    def bad_config(self, marker: int = 0) -> bytes:
        """One that parses, and makes the agent unhealthy at once."""
        sensor = {"name": "broken", "fail_after_seconds": 0}
        return self.config(marker, sensors={"poll_interval_seconds": 0.2, "devices": [sensor]})

    def publish(self, version: str, marker: int, **fields: Any) -> Digest:
        """A release of a good config."""
        return self.fleet.release(version, self.config(marker), **fields)

    def bad(self, version: str, marker: int = 0, **fields: Any) -> Digest:
        """A release that makes the agent unhealthy at once, with a gate that does not wait long for the better."""
        gate = Gate(within_seconds=2, hold_seconds=1)
        return self.fleet.release(version, self.bad_config(marker), **{"gate": gate, **fields})

    def runs(self, marker: int) -> bool:
        """Whether its live file says what `config(marker)` says."""
        live = self.subject.live()
        return live is not None and hash_of(live) == hash_of(self.config(marker))

    @property
    def last(self) -> Report | None:
        """Its last report."""
        return next(reversed(self.subject.reports()), None)

    @property
    def report(self) -> Report:
        """Its last report, when there is one."""
        found = self.last
        assert found is not None, "it never reported"
        return found

    def settled_on(self, release: Digest | None) -> bool:
        """Whether its last report says that it rests on this release."""
        report = self.report
        return report.phase is Phase.SETTLED and report.running.release == release

    def ended(self, release: Digest, outcome: Outcome) -> bool:
        """Whether its last report says how this release ended, and that it rests."""
        result = self.report.result
        return (
            self.report.phase is Phase.SETTLED
            and result is not None
            and (result.release, result.outcome) == (release, outcome)
        )

    def waits_for(self, what: WaitingFor) -> bool:
        """Whether its last report says that it waits for this."""
        return (self.report.phase, self.report.waiting_for) == (Phase.WAITING, what)

    def until(self, condition: Callable[[], bool], what: str, within_seconds: float = 60.0) -> None:
        """See Subject."""
        self.subject.until(condition, what, within_seconds)

    def settle_on(self, release: Digest | None, within_seconds: float = 60.0) -> None:
        """Wait until it rests on a release."""
        self.until(lambda: self.settled_on(release), f"settled on {str(release)[:8]}", within_seconds)

    def end(self, release: Digest, outcome: Outcome, within_seconds: float = 60.0) -> None:
        """Wait until a release has ended so."""
        self.until(lambda: self.ended(release, outcome), f"{release[:8]} {outcome}", within_seconds)

    def generation_is(self, generation: int) -> bool:
        """Whether the directive in force, as its last report has it, bears this generation."""
        return self.report.generation == generation

    def ask_for_report(self) -> Report:
        """A fresh report, by its asking the fleet would get: a reconnect brings one."""
        if Able.NETWORK not in self.subject.able:
            return self.report  # it is asked at each look
        before = self.report.conn
        self.subject.disconnect()
        self.subject.connect()
        self.until(lambda: self.report.conn > before, "a report on connect")
        return self.report

    def restart(self) -> None:
        """kill -9 and start."""
        before = self.report.boot
        self.subject.kill()
        self.subject.start()
        self.until(lambda: self.report.boot > before, "a report of the new start")


def hash_of(data: bytes) -> str | None:
    """The config hash of a file; none if it does not parse."""
    try:
        return config_hash(parse(data, sniff(data)))
    except ConfigError:
        return None
