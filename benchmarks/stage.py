"""What an agent meets: a real broker over TLS, a fleet with a trust document and a release; and the agent itself."""

from __future__ import annotations

import http.server
import json
import os
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import tomli_w
from installed import lay_device
from process import until

from conformance.agent_subject import AgentSubject, FleetSide
from conformance.fleet import Fleet
from pyvorin_edge.orders import Pace
from pyvorin_edge.trust import proof_of
from pyvorin_edge.vocabulary import Phase
from running.broker import Doorway, MqttCarrier, RealBroker, real_broker
from running.ports import free_ports

BARE = Path(__file__).with_name("bare.py")


class Stage:
    """A broker, the controller's place on it, and where everything lies."""

    def __init__(self, root: Path, broker: RealBroker) -> None:
        self.root = root
        self.broker = broker
        self.carrier = MqttCarrier(broker)
        #: the agent's; the baseline runs on this process's own
        self.python = root / "device" / "bin" / "python3"
        #: the package's way into it
        self.command = root / "device" / "bin" / "pyv-edge-agent"
        lay_device(root / "device")
        # compiled once, as on a device where a package was installed; for the baseline too
        kept = {name: value for name, value in os.environ.items() if not name.startswith(("PYTHON", "PYV_"))}
        self.device_environment = kept  # its package is compiled
        self.environment = {**kept, "PYTHONPYCACHEPREFIX": str(root / "compiled")}

    def bare(self, *options: str) -> subprocess.Popen[str]:
        """The baseline, connected."""
        certificate, key = self.broker.enrol("bare")
        places = {name: self.root / f"bare.{name}" for name in ("ca", "pem", "key")}
        for place, data in zip(places.values(), (self.broker.server_ca_pem.encode(), certificate, key), strict=True):
            place.write_bytes(data)
        host, port = self.broker.settings.devices
        argv = [sys.executable, "-P", *options, str(BARE), host, str(port), *map(str, places.values())]
        process = subprocess.Popen(argv, stdout=subprocess.PIPE, text=True, env=self.environment)
        assert process.stdout is not None
        if process.stdout.readline() != "connected\n":
            raise SystemExit("footprint: the baseline did not connect")
        return process

    def end_bare(self, process: subprocess.Popen[str]) -> None:
        """Nothing of it is left."""
        process.kill()
        process.communicate()


class Device(AgentSubject):
    """An agent through its launcher, by its defaults, with a release of its fleet committed."""

    def __init__(self, stage: Stage, name: str, config: Mapping[str, Any]) -> None:
        root = stage.root / name
        root.mkdir()
        broker = stage.broker
        super().__init__(
            FleetSide(broker.settings.devices, "", broker.enrol, broker.server_ca_pem), stage.carrier, root
        )
        self._stage = stage
        self._health_port = free_ports(1)[0]
        self._config = tomli_w.dumps(config).encode()
        self.fleet = Fleet(stage.carrier, self.device_id, self.address)
        join = self.fleet.join()
        self.provision(join, self._config, {})
        # `pyv-edge-agent provision` verifies the chain that it is given, and notes so
        proof = proof_of((self.state / "trust_anchor.json").read_bytes(), tuple(text.encode() for text in join.trust))
        (self.state / "trust_proof").write_text(proof, encoding="ascii")
        self.fleet.assign(channel=name)
        self._channel = name

    @property
    def pid(self) -> int:
        assert self._process is not None
        return self._process.pid

    @property
    def door(self) -> Doorway:
        """Where its bytes are counted."""
        return self._doors[self.address]

    def launch(self, *options: str) -> float:
        """Seconds from exec until its /health says healthy; `options` are Python's, and then it goes without the
        package's wrapper."""
        bare = [self._stage.python, "-P", *options, "-m", "pyv_edge_agent"]
        argv = [
            *(bare if options else [self._stage.command]), "run", "--state-dir", str(self.state),
            "--health-port", str(self._health_port), "--clock", "synced", "--die-with-parent",
        ]  # fmt: skip
        with self._log.open("wb") as log:
            began = time.perf_counter()
            self.adopt(subprocess.Popen(argv, stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                                        env=self._stage.device_environment))  # fmt: skip
        until(self.is_healthy, lambda: f"the agent is healthy; it said:\n{self.log[-2000:]}")
        return time.perf_counter() - began

    def update(self) -> None:
        """Give it a release of its own config, and wait until it has committed it."""
        release = self.fleet.release("1.0", self._config)
        self.fleet.direct(release, channel=self._channel, pace=Pace())
        until(
            lambda: any(one.running.release == release and one.phase is Phase.SETTLED for one in self.reports()),
            lambda: f"the release is committed; {self.reports()[-1:]}\n{self.log[-2000:]}", every_seconds=0.1,
        )  # fmt: skip

    def end(self) -> None:
        """As its supervisor would."""
        process = self._process
        if process is not None:
            process.terminate()
            process.wait(20)
        self._process = None

    def is_healthy(self) -> bool:
        return self.health().get("status") == "healthy"

    def health(self) -> dict[str, Any]:
        """Its /health; empty while nobody answers."""
        with suppress(urllib.error.URLError, OSError):
            with urllib.request.urlopen(f"http://127.0.0.1:{self._health_port}/health", timeout=5) as answer:
                found: dict[str, Any] = json.load(answer)
            return found
        return {}

    @property
    def log(self) -> str:
        return self._log.read_text(errors="replace") if self._log.exists() else ""


class Cloud:
    """Takes every batch, counts items."""

    def __init__(self) -> None:
        self.items = 0
        outer = self

        class Answer(http.server.BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                outer.items += body["count"]
                self.send_response(200)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *_: Any) -> None:
                pass

        self._server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Answer)
        self.endpoint = f"http://127.0.0.1:{self._server.server_address[1]}/v1/ingest"
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()


@contextmanager
def stage() -> Iterator[Stage]:
    """Everything lies in a temporary directory and ends with it."""
    with TemporaryDirectory(prefix="pyv-footprint-") as place, real_broker() as broker:
        made = Stage(Path(place), broker)
        try:
            yield made
        finally:
            made.carrier.close()
