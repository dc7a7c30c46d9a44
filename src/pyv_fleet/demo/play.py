"""The demo act by act: fleet, controller, agents, first release, simulated devices, and when all of it is healthy."""

from __future__ import annotations

import subprocess
import sys
import threading
import time
from collections.abc import Callable
from importlib import resources
from pathlib import Path
from typing import Any, Final

from pyv_fleet.client import ClientError, FleetClient
from pyv_fleet.core.views import ChannelBody, RolloutSpec, TokenSpec
from pyv_fleet.demo.children import Children
from pyv_fleet.demo.facts import AgentFacts, DemoFacts, commands, curtain, write_facts
from pyv_fleet.demo.stage import Seat, Stage
from pyv_fleet.durable import write_durably
from pyvorin_edge.identity import device_id_of

CHANNEL: Final = "stable"
FIRST_VERSION: Final = "1.0"
UP_SECONDS: Final = 120.0
POLL_SECONDS: Final = 0.1
#: the demo's devices speak often, so that what happens is seen soon
TERMS: Final = ChannelBody(beat_seconds=2, report_seconds=30, keepalive_seconds=5, settle_seconds=1)

Say = Callable[[str], None]


class DemoError(Exception):
    """The demo cannot go on; the message says what failed and where its log is."""


class Stopped(Exception):
    """The user ended it."""


class Play:
    """One demo, from its first process to its last."""

    def __init__(self, stage: Stage, simulated: int, stop: threading.Event, say: Say) -> None:
        self._stage = stage
        self._simulated = simulated
        self._stop = stop
        self._say = say
        self._children = Children(stage.root / "log")
        self._began = time.monotonic()

    def run(self, seconds: float | None) -> None:
        """Until Ctrl-C, or for so many seconds; DemoError if a part fails or the fleet does not become healthy."""
        try:
            facts = self._put_on()
            self._say(curtain(facts, time.monotonic() - self._began))
            healthy = self._watch(seconds)
        except Stopped:
            return
        if seconds is not None and not healthy:
            raise DemoError(f"the fleet did not become healthy within {seconds:g} s: {self._what_ails()}")

    def end(self) -> None:
        """Stop every process, agents before the controller, and leave none behind."""
        self._children.stop_all()

    def _put_on(self) -> DemoFacts:
        self._found()
        controller = self._start_controller()
        self._client = FleetClient.at(self._stage.operator_dir)
        self._act("the channel's terms", lambda: self._client.put_channel(CHANNEL, TERMS))
        agents = self._start_agents()
        simulator = self._start_simulator() if self._simulated else None
        self._wait("devices to enrol and connect", self._all_online, self._what_ails)
        self._release()
        self._wait("the fleet to run release 1.0 and be healthy", self._all_well, self._what_ails)
        facts = DemoFacts(
            page=self._stage.page_url,
            api=self._stage.api_url,
            ca=str(self._stage.operator_dir / "server_ca.pem"),
            operator=str(self._stage.operator_dir),
            token_file=str(self._stage.operator_dir / "token"),
            broker=f"127.0.0.1:{self._stage.mqtt_port}",
            controller_pid=controller,
            simulator_pid=simulator,
            agents=agents,
            commands=commands(self._stage),
        )
        write_facts(self._stage.root / "demo.json", facts)
        return facts

    def _found(self) -> None:
        """The fleet: keys, authorities, trust document, store, the operator's token."""
        self._say("making the fleet's keys and authorities")
        polls = [f"--poll={device_id_of(seat.serial)}={seat.base_url}" for seat in self._stage.seats]
        self._tool(
            "pyv-fleet", "fleet", "init", "--name", "demo",
            "--data", str(self._stage.controller_dir), "--operator", str(self._stage.operator_dir),
            "--api-port", str(self._stage.api_port), "--page-port", str(self._stage.page_port),
            "--mqtt-port", str(self._stage.mqtt_port), "--article-channel", CHANNEL, "--page-open-on-loopback",
            "--poll-every", "5", *polls,
        )  # fmt: skip

    def _start_controller(self) -> int:
        self._say("starting the controller and its broker (mosquitto is fetched if this machine has none)")
        data = self._stage.controller_dir
        child = self._children.start("controller", [_program("pyv-fleet"), "serve", "--data", str(data)])
        self._wait(
            "the controller to be up",
            (data / "ready.json").exists,
            lambda: self._children.last_words("controller"),
            seconds=180.0,
        )
        return child.pid

    def _start_agents(self) -> tuple[AgentFacts, ...]:
        self._say(f"provisioning {len(self._stage.seats)} real agents")
        token = self._token("real", TokenSpec(uses=3, channel=CHANNEL, labels={"kind": "real", "site": "lab"}))
        config = self._config()
        started = []
        for seat in self._stage.seats:
            self._tool(
                "pyv-edge-agent", "provision", "--serial", seat.serial, "--api", self._stage.api_url,
                "--token-file", str(token), "--out", str(seat.state_dir), "--config", str(config),
            )  # fmt: skip
            started.append(self._start_agent(seat))
        return tuple(started)

    def _start_agent(self, seat: Seat) -> AgentFacts:
        key = (self._stage.operator_dir / "ingest-key").read_text(encoding="utf-8").strip()
        environment = f"INGEST_URL={self._stage.api_url}/v1/ingest\nAPI_KEY={key}\n"
        write_durably(seat.state_dir / "env", environment.encode())
        argv = [_program("pyv-edge-agent"), "run", "--state-dir", str(seat.state_dir)]
        argv += ["--health-host", seat.health_host, "--allow-config-reload"]
        child = self._children.start(seat.serial, argv)
        return AgentFacts(
            id=device_id_of(seat.serial),
            serial=seat.serial,
            pid=child.pid,
            state_dir=str(seat.state_dir),
            config=str(seat.state_dir / "config.toml"),
            health_url=seat.health_url,
            log=str(self._stage.root / "log" / f"{seat.serial}.log"),
        )

    def _start_simulator(self) -> int:
        self._say(f"enrolling {self._simulated} simulated devices with one token")
        labels = {"kind": "simulated", "site": "farm"}
        token = self._token("simulated", TokenSpec(uses=self._simulated, channel=CHANNEL, labels=labels))
        child = self._children.start(
            "simulator",
            [
                _program("pyv-fleet"), "simulate", "--api", self._stage.api_url, "--token-file", str(token),
                "--count", str(self._simulated), "--dir", str(self._stage.root / "simulated"),
                "--config", str(self._config()),
            ],
        )  # fmt: skip
        return child.pid

    def _release(self) -> None:
        """The channel's first release: there is nothing older that a canary could protect."""
        self._say("releasing 1.0 to the channel stable")
        home = ["--home", str(self._stage.operator_dir)]
        self._tool(
            "pyv-fleet", *home, "release", "create", "--version", FIRST_VERSION, "--config", str(self._config()),
            "--gate-within", "20", "--gate-hold", "2",
        )  # fmt: skip
        spec = RolloutSpec(
            channel=CHANNEL, release=FIRST_VERSION, waves=("100%",), soak_seconds=0, reason="the demo's first release"
        )
        self._act("the first rollout", lambda: self._client.create_rollout(spec))

    def _config(self) -> Path:
        path = self._stage.root / "config-1.0.toml"
        if not path.exists():
            path.write_bytes(resources.files("pyv_fleet.demo").joinpath("config.toml").read_bytes())
        return path

    def _token(self, name: str, spec: TokenSpec) -> Path:
        path = self._stage.root / f"token-{name}"
        made = self._act("an enrolment token", lambda: self._client.create_token(spec))
        write_durably(path, made.token.encode())
        return path

    def _all_online(self) -> bool:
        found = self._act("the fleet", self._client.fleet)
        snapshot = self._act("the snapshot", self._client.snapshot)
        return bool(found.devices == self._expected and snapshot.unreachable_count == 0)

    def _all_well(self) -> bool:
        snapshot = self._act("the snapshot", self._client.snapshot)
        return bool(snapshot.healthy_count == self._expected and self._rollout_done())

    def _rollout_done(self) -> bool:
        channel = self._act("the channel", lambda: self._client.channel(CHANNEL))
        return channel.rollout is None and channel.golden_version == FIRST_VERSION

    @property
    def _expected(self) -> int:
        return self._simulated + len(self._stage.seats)

    def _watch(self, seconds: float | None) -> bool:
        """Stand by; agents that the user kills stay dead, a dead controller ends the demo. Was it ever healthy?"""
        deadline = None if seconds is None else time.monotonic() + seconds
        while not self._stop.wait(0.2):
            if "controller" in self._children.ended():
                raise DemoError(f"the controller ended:\n{self._children.last_words('controller')}")
            if deadline is not None and time.monotonic() >= deadline:
                return self._all_well()
        raise Stopped

    def _what_ails(self) -> str:
        # a machine that starts all of this at once is busy: that ails nobody
        listed = self._act("the attention list", lambda: self._client.attention(max_cpu=100.0))
        last = self._act("the last rollout", lambda: next(self._client.rollouts(), None))
        stopped = [f"the rollout is {last.state}: {last.because}"] if last is not None and last.because else []
        ailing = [f"{one.device_id}: {', '.join(one.causes)}" for one in listed[:5]]
        return "; ".join(stopped + ailing) or "no cause is known"

    def _wait(self, what: str, seen: Callable[[], bool], why: Callable[[], str], seconds: float = UP_SECONDS) -> None:
        self._say(f"waiting for {what}")
        deadline = time.monotonic() + seconds
        while not seen():
            for name, code in self._children.ended().items():
                raise DemoError(f"{name} ended with exit code {code}:\n{self._children.last_words(name)}")
            if time.monotonic() > deadline:
                raise DemoError(f"waited {seconds:g} s for {what}: {why()}; the logs are in {self._stage.root / 'log'}")
            if self._stop.wait(POLL_SECONDS):
                raise Stopped

    def _tool(self, *words: str) -> None:
        """One of our own programs, to its end."""
        done = subprocess.run([_program(words[0]), *words[1:]], capture_output=True, text=True, check=False)
        if done.returncode != 0:
            raise DemoError(f"{' '.join(words[:3])} failed:\n{done.stderr.strip() or done.stdout.strip()}")

    def _act(self, what: str, call: Callable[[], Any]) -> Any:
        try:
            return call()
        except ClientError as why:
            raise DemoError(f"{what}: {why}") from None


def _program(name: str) -> str:
    return str(Path(sys.executable).parent / name)
