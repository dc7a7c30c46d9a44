"""The real `pyv-fleet serve`, killed (-9) at moments of a rollout again and again; broker and devices live on.

An independent witness on the broker keeps each directive that went out and each report of a device: what the store says
afterwards is compared with it.
"""

from __future__ import annotations

import random
import signal
import sqlite3
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import msgspec

from pyv_fleet.client import ClientError, FleetClient
from pyv_fleet.core.views import RolloutSpec
from pyv_fleet.settings import read_settings
from pyvorin_edge import topics
from pyvorin_edge.envelope import open_envelope
from pyvorin_edge.orders import Assignment, Directive, Rule, decode_order, matching_rule
from pyvorin_edge.report import Report
from pyvorin_edge.topics import Kind
from running.broker import MqttCarrier, RealBroker
from running.controller import Controller, found, launch, start
from running.demo import until
from running.simulated import configured, simulated

CHANNEL: Final = "stable"
VERSIONS: Final = ("1.0", "1.1")
WAVES: Final = ("1", "4", "100%")
DEVICES: Final = 8
END_SECONDS: Final = 120.0
KILLS_A_ROLLOUT: Final = 3
#: what a kill waits for: then it comes at once, or a moment later
MOMENTS: Final = ("start", "order", "target", "commit", "report", "time")


@dataclass
class Killed:
    """What a run came to."""

    seed: int
    kills: int = 0
    rollouts: int = 0
    #: directives that moved a wave on, over all rollouts
    waves: int = 0
    at: dict[str, int] = field(default_factory=dict)

    def __str__(self) -> str:
        where = ", ".join(f"{moment} {count}" for moment, count in sorted(self.at.items()))
        return (
            f"{self.kills} kills of the controller in {self.rollouts} rollouts of {DEVICES} devices; "
            f"{self.waves} waves, none repeated, none skipped, nobody outside a wave touched, all completed. "
            f"Killed at: {where}. Seed {self.seed}"
        )


class Said:
    """The witness's notes in the order in which they came."""

    def __init__(self, carrier: MqttCarrier) -> None:
        self._carrier = carrier

    def mark(self) -> int:
        """From here on."""
        return len(self._carrier.said)

    def directives(self, since: int) -> list[Directive]:
        """As they went over the wire, repeated ones too."""
        found = self._of(Kind.CHANNEL, since)
        return [decode_order(open_envelope(payload).payload, Directive) for payload in found]

    def reports(self, since: int) -> list[Report]:
        return [msgspec.json.decode(payload, type=Report) for payload in self._of(Kind.REPORT, since)]

    def _of(self, kind: Kind, since: int) -> list[bytes]:
        parsed = ((topics.parse(topic), payload) for topic, payload in list(self._carrier.said[since:]))
        return [payload for topic, payload in parsed if topic is not None and topic.kind is kind]


class Kills:
    """Rolls out one of two releases after the other, kills, looks."""

    def __init__(self, up: Controller, carrier: MqttCarrier, seed: int) -> None:
        self.killed, self.chance = Killed(seed), random.Random(seed)
        self._up = up
        self._said = Said(carrier)
        self._client: FleetClient = up.client()
        self._digests = {one: str(self._client.release(one).digest) for one in VERSIONS}
        self._at = 0

    def first(self) -> None:
        """The whole channel on the first release; nobody is killed."""
        self._end(self._client.create_rollout(self._spec("1.0", ("100%",))).id)

    def run(self, kills: int, seconds: float) -> Killed:
        """Until so many kills or seconds."""
        end = time.monotonic() + seconds
        while self.killed.kills < kills and time.monotonic() < end:
            self._at += 1
            self._rollout(VERSIONS[self._at % 2], min(kills - self.killed.kills, KILLS_A_ROLLOUT))
        return self.killed

    def _rollout(self, version: str, kills: int) -> None:
        since, newest = self._said.mark(), self._newest()
        rollout = self._client.create_rollout(self._spec(version, WAVES)).id
        for _ in range(self.chance.randint(1, kills)):
            self._kill(self.chance.choice(MOMENTS), version)
        self._end(rollout)
        self.killed.rollouts += 1
        self._look(version, since, newest)
        print(f"{self.killed.kills} kills, {self.killed.rollouts} rollouts", flush=True)

    def _spec(self, version: str, waves: tuple[str, ...]) -> RolloutSpec:
        return RolloutSpec(channel=CHANNEL, release=version, waves=waves, soak_seconds=1, reason="a test")

    def _kill(self, moment: str, version: str) -> None:
        """At a moment that the witness sees, or at any; the controller that follows is started at once."""
        self._wait_for(moment, version)
        self._up.process.send_signal(signal.SIGKILL)
        self._up.process.wait(20)
        self.killed.kills += 1
        self.killed.at[moment] = self.killed.at.get(moment, 0) + 1
        self._up.process = launch(self._up.folder).process

    def _wait_for(self, moment: str, version: str) -> None:
        since, digest, deadline = self._said.mark(), self._digests[version], time.monotonic() + 8.0
        seen: dict[str, Callable[[], bool]] = {
            "order": lambda: bool(self._said.directives(since)),
            "report": lambda: bool(self._said.reports(since)),
            "target": lambda: any(one.target and one.target.release == digest for one in self._said.reports(since)),
            "commit": lambda: any(one.running.release == digest for one in self._said.reports(since)),
        }
        if moment in seen:
            while not seen[moment]() and time.monotonic() < deadline:
                time.sleep(0.002)
            time.sleep(self.chance.choice((0.0, self.chance.uniform(0, 0.05))))
        else:
            time.sleep(self.chance.uniform(0, 4.0 if moment == "time" else 2.5))

    def _end(self, rollout: str) -> None:
        def ended() -> bool:
            assert self._up.process.poll() is None, self._up.log[-3000:]
            try:
                at = self._client.rollout(rollout)
            except ClientError:
                return False  # it is not up yet
            assert at.state in ("ready", "rolling", "waiting", "completed"), f"seed {self.killed.seed}: {at}"
            return at.state == "completed"

        until(ended, within=END_SECONDS, what=f"rollout {rollout} is completed (seed {self.killed.seed})")

    def _newest(self) -> int:
        return max((generation for generation, _ in self._stored()), default=0)

    def _stored(self) -> list[tuple[int, tuple[Rule, ...]]]:
        """The store's own history: (generation, rules), oldest first."""
        store = f"file:{self._up.data / 'fleet.db'}?mode=ro"
        connection = sqlite3.connect(store, uri=True)
        try:
            rows = connection.execute(
                "SELECT generation, rules FROM directives WHERE channel = ? ORDER BY epoch, generation", (CHANNEL,)
            ).fetchall()
        finally:
            connection.close()
        return [(generation, msgspec.json.decode(rules, type=tuple[Rule, ...])) for generation, rules in rows]

    def _look(self, version: str, since: int, newest: int) -> None:
        digest = self._digests[version]
        history = [(generation, rules) for generation, rules in self._stored() if generation > newest]
        lines = [rules[0].below for _, rules in history]
        context = f"seed {self.killed.seed}, {version}: {lines}"
        assert all(rules[0].release == digest for _, rules in history), context
        assert len(lines) == len(WAVES), f"a wave was repeated or skipped: {context}"
        assert lines[-1] is None, context
        assert sorted(set(filter(None, lines))) == [one for one in lines if one], f"not in order: {context}"
        self.killed.waves += len(lines)
        self._look_at_wire(history, since, context)
        self._look_at_devices(digest, since, context)

    def _look_at_wire(self, history: list[tuple[int, tuple[Rule, ...]]], since: int, context: str) -> None:
        """What went out is what was stored, and never an older one after a newer."""
        out = [one.generation for one in self._said.directives(since)]
        assert out == sorted(out), f"a lower generation went out: {out}; {context}"
        assert {generation for generation, _ in history} <= set(out), f"never sent: {context}"

    def _look_at_devices(self, digest: str, since: int, context: str) -> None:
        """By their own words: whoever aimed at the candidate was in a wave of the directive that it had then."""
        by_generation = {one.generation: one for one in self._said.directives(0)}
        running: dict[str, str | None] = {}
        for report in self._said.reports(since):
            running[report.device_id] = report.running.release
            if report.target is None or report.target.release != digest or report.generation not in by_generation:
                continue
            rule = matching_rule(
                report.device_id, by_generation[report.generation], _assignment(report.device_id), frozenset()
            )
            assert rule.release == digest, f"{report.device_id} is outside of the wave: {context}"
        assert len(running) == DEVICES, f"{len(running)} devices spoke: {context}"
        assert set(running.values()) == {digest}, f"not all run it: {context}"


@contextmanager
def kills(folder: Path, seed: int) -> Iterator[Kills]:
    """Controller, broker and devices, on the first release; ended with the block."""
    with ExitStack() as stack:
        up, carrier = stack.enter_context(beside(folder))
        configured(up, *VERSIONS)
        stack.enter_context(simulated(up, DEVICES, "kills"))
        made = Kills(up, carrier, seed)
        made.first()
        yield made


@contextmanager
def beside(folder: Path) -> Iterator[tuple[Controller, MqttCarrier]]:
    """A controller, and beside it a broker that outlives it, with a witness on it."""
    found(folder)
    home = folder / "controller"
    with ExitStack() as stack:
        # its authorities, and a life of its own, where the trust document says that the fleet's broker is
        broker = RealBroker(home, read_settings(home).broker.port)
        stack.callback(broker.stop)
        _use(home / "fleet.toml", broker)
        up = start(folder)
        stack.callback(lambda: up.process.poll() is not None or up.stop())
        carrier = MqttCarrier(broker)
        stack.callback(carrier.close)
        yield up, carrier


def _use(settings: Path, broker: RealBroker) -> None:
    """The controller is to use this broker, not one of its own."""
    text = settings.read_text()
    devices, controller = broker.settings.devices, broker.settings.controller
    text = text.replace('mode = "managed"', 'mode = "external"').replace(
        '\nurl = ""\ncontroller_url = ""\n', f'\nurl = "mqtts://{devices}"\ncontroller_url = "mqtts://{controller}"\n'
    )
    assert str(controller) in text, text
    settings.write_text(text)


def _assignment(device_id: str) -> Assignment:
    made: dict[str, Any] = {
        "v": 1, "fleet": "lab", "epoch": 1, "device_id": device_id, "number": 0, "channel": CHANNEL, "issued_at": 0,
        "issued_by": "-",
    }  # fmt: skip
    return msgspec.convert(made, Assignment)
