"""A rollback, from the command to the last device's applied and persisted acknowledgement, beside its floors.

`make bench-rollback`. In one run, on one broker with TLS and client certificates: N simulated devices (the real core
over gmqtt at QoS 1, each with a journal that it fsyncs) go back by `pyv-fleet rollback`; then the same message goes
to N bare subscribers with the same certificates; then the same fsyncs are made with nothing else. Our share is what
the rollback took beyond those two; the goal is that it is at most as much again.

All of it, devices included, shares this machine's processors: what 10,000 devices compute on 10,000 machines is
computed here by a few cores. Certificates are issued in this process, by the fleet's own device CA, before the clock
runs.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import secrets
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from statistics import median
from typing import Any, Final

import msgspec
import paho.mqtt.client as paho
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from paho.mqtt.enums import CallbackAPIVersion
from process import processor_seconds

from pyv_fleet.broker.external import parse_url
from pyv_fleet.core.views import TokenSpec
from pyv_fleet.engine.assembly import Engine, Surroundings, assemble
from pyv_fleet.engine.desk import Addresses
from pyv_fleet.engine.ground import Ground
from pyv_fleet.link.mqtt import LinkSettings
from pyv_fleet.link.retained import read_retained
from pyv_fleet.settings import Settings, read_settings, store_url
from pyv_fleet.store.bundle_files import BundleFiles
from pyv_fleet.store.database import Database
from pyv_fleet.trust import certificates
from pyv_fleet.trust.authority import Authority
from pyv_fleet.trust.signing import DirectiveSigner
from pyvorin_edge import topics
from pyvorin_edge.identity import device_id_of
from pyvorin_edge.report import JoinLink
from running.controller import Controller, found, start
from running.demo import BIN
from running.simulated import CONFIG

DEVICES: Final = Path(__file__).with_name("rollback_devices.py")
PER_PROCESS: Final = 2500
ROUNDS: Final = 5
BARE: Final = topics.channel("bare")


@dataclass
class Figures:
    """Of one run, in seconds. `command`: from the start of `pyv-fleet rollback` to the last acknowledgement stored."""

    devices: int
    processes: int
    message_bytes: int
    command: float
    #: from the publication on: the first, the median, the last
    first: float
    half: float
    last: float
    raw_fan_out: float
    fsyncs_alone: float
    fsyncs_a_device: float
    #: what the rollback took beyond the two floors, in parts of them; the goal is at most 1
    our_share: float
    #: the same, from the publication on
    our_share_from_publication: float
    #: processor seconds that went into it
    cpu_devices: float
    cpu_controller: float
    cpu_broker: float


class Part:
    """Some of the devices, in a process of their own."""

    def __init__(self, folder: Path, device_ids: Sequence[str]) -> None:
        self.device_ids = device_ids
        self.process = subprocess.Popen(
            [sys.executable, str(DEVICES), str(folder)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        self.say(list(device_ids))

    def say(self, what: Any) -> None:
        assert self.process.stdin is not None
        self.process.stdin.write(json.dumps(what) + "\n")
        self.process.stdin.flush()

    def hear(self) -> dict[str, Any]:
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        if not line:
            raise SystemExit("bench-rollback: a process with devices ended; see above")
        answer: dict[str, Any] = json.loads(line)
        return answer


class Devices:
    """All of them."""

    def __init__(self, folder: Path, device_ids: Sequence[str]) -> None:
        self.parts = [Part(folder, device_ids[at : at + PER_PROCESS]) for at in range(0, len(device_ids), PER_PROCESS)]

    def all(self, do: str, **more: Any) -> list[dict[str, Any]]:
        """Each does it, at the same time."""
        for part in self.parts:
            part.say({"do": do, **more})
        return [part.hear() for part in self.parts]

    def say(self, do: str) -> None:
        """Without waiting for the answers: `hear` them later."""
        for part in self.parts:
            part.say({"do": do})

    def hear(self) -> list[dict[str, Any]]:
        return [part.hear() for part in self.parts]

    def close(self) -> None:
        for part in self.parts:
            part.process.kill()
            part.process.communicate()


async def enrol(data: Path, folder: Path, count: int) -> list[str]:
    """Devices in the store, with keys, certificates and joins in `folder`: by the engine itself, without a network."""
    settings = read_settings(data)
    database = await Database.open(store_url(settings, data))
    try:
        engine = await _engine(data, settings, database)
        token = (await engine.desk.create_token(TokenSpec(uses=count), "bench")).token
        return [await _enrolled(engine, folder, f"bench-{number}", token) for number in range(count)]
    finally:
        await database.close()


async def _engine(data: Path, settings: Settings, database: Database) -> Engine:
    authority = Authority.open_or_create(data / "ca", settings.hosts, datetime.now(UTC))
    mqtt, api = f"127.0.0.1:{settings.broker.port}", f"https://127.0.0.1:{settings.api.port}"
    ca = authority.places.server_ca.certificate.read_text()
    return await assemble(
        Surroundings(
            ground=Ground(database, lambda: time.time_ns() // 1_000_000, secrets.token_bytes, settings.fleet),
            monotonic=time.monotonic,
            authority=authority,
            signer=DirectiveSigner.at(data / "keys" / "directive.key"),
            broker=None,
            link=lambda: JoinLink(mqtt=(mqtt,), http=(api,), ca_pem=(ca,)),
            addresses=Addresses(broker=mqtt, api=api),
            bundles=BundleFiles(data / "bundles", 1024 * 1024),
        )
    )


async def _enrolled(engine: Engine, folder: Path, serial: str, token: str) -> str:
    device_id = device_id_of(serial)
    key = certificates.new_key()
    request = x509.CertificateSigningRequestBuilder().subject_name(x509.Name([])).sign(key, hashes.SHA256())
    der = request.public_bytes(serialization.Encoding.DER)
    certificate = x509.load_der_x509_certificate(await engine.desk.enrol(device_id, token, der, "127.0.0.1"))
    join = await engine.desk.join(device_id, certificate.serial_number)
    place = folder / device_id
    place.with_suffix(".pem").write_bytes(certificates.pem_of(certificate))
    place.with_suffix(".key").write_bytes(certificates.private_pem(key))
    place.with_suffix(".join").write_bytes(msgspec.json.encode(join))
    return device_id


class Run:
    """One run: a controller, its broker, its devices."""

    def __init__(self, up: Controller, devices: Devices, count: int) -> None:
        self._up = up
        self._devices = devices
        self._count = count

    def measure(self) -> Figures:
        """All of it, in order."""
        self._bring_to("1.0", "100%")
        self._bring_to("1.1", "1", "100%")
        cpu = self._cpu()
        devices_before = sum(one["cpu"] for one in self._devices.all("mark"))
        began = time.time()
        report = self._roll_back()
        devices_after = sum(one["cpu"] for one in self._devices.all("idle"))
        spent = [after - before for before, after in zip(cpu, self._cpu(), strict=True)]
        counted = self._devices.all("figures")
        _say(f"{self._count} devices are back; now the floors")
        self._devices.all("end")
        message = self._message()
        raw, alone = self._raw(message), self._alone()
        seen = report["rollback"]
        ended = datetime.fromisoformat(seen["started_at"]).timestamp() + seen["last_seconds"]
        return Figures(
            devices=self._count,
            processes=len(self._devices.parts),
            message_bytes=len(message),
            command=ended - began,
            first=seen["first_seconds"],
            half=seen["median_seconds"],
            last=seen["last_seconds"],
            raw_fan_out=raw,
            fsyncs_alone=alone,
            fsyncs_a_device=sum(one["fsyncs"] for one in counted) / self._count,
            our_share=(ended - began) / (raw + alone) - 1,
            our_share_from_publication=seen["last_seconds"] / (raw + alone) - 1,
            cpu_devices=devices_after - devices_before,
            cpu_controller=spent[0],
            cpu_broker=spent[1],
        )

    def _bring_to(self, version: str, *waves: str) -> None:
        words = [word for wave in waves for word in ("--wave", wave)]
        self._cli("rollout", "create", "--channel", "stable", "--release", version, "--reason", "a benchmark", *words,
                  "--soak", "1", "--timeout", "1800")  # fmt: skip
        _say(f"all run {version}")

    def _roll_back(self) -> dict[str, Any]:
        file = self._up.folder / "report.json"
        self._cli("rollback", "--to", "1.0", "--all", "--reason", "a benchmark", "--yes", "--expect-count",
                  str(self._count), "--timeout", "1800", "--report", str(file))  # fmt: skip
        report: dict[str, Any] = json.loads(file.read_text())
        if report["rollback"]["online_acknowledged"] != self._count:
            raise SystemExit(f"bench-rollback: only {report['rollback']['online_acknowledged']} were online")
        return report

    def _cli(self, *words: str) -> None:
        environment = {**os.environ, "PYV_FLEET_HOME": str(self._up.operator)}
        subprocess.run([BIN / "pyv-fleet", *words], env=environment, check=True, stdout=subprocess.DEVNULL)

    def _cpu(self) -> tuple[float, float]:
        pid = self._up.process.pid
        return processor_seconds(pid), processor_seconds(_child_of(pid))

    def _message(self) -> bytes:
        """The very directive that took them back."""
        held = asyncio.run(read_retained(_link(self._up), [topics.channel("stable")]))
        return held[topics.channel("stable")]

    def _raw(self, message: bytes) -> float:
        """Seconds from the publication to the last bare subscriber: the median of some rounds."""
        self._devices.all("subscribe", topic=BARE)
        took = []
        with _publisher(_link(self._up)) as publisher:
            for _ in range(ROUNDS):
                self._devices.all("round")
                self._devices.say("last")
                began = time.monotonic()
                publisher.publish(BARE, message, qos=1)
                took.append(max(one["last"] for one in self._devices.hear()) - began)
        self._devices.all("unsubscribe")
        return median(took)

    def _alone(self) -> float:
        """Seconds for the same fsyncs, in as many processes at the same time."""
        self._devices.all("prime")
        done = self._devices.all("alone")
        return float(max(one["ended"] for one in done) - min(one["began"] for one in done))


def _link(up: Controller) -> LinkSettings:
    address, ca = parse_url(up.ready["controller_mqtt"]), up.data / "ca"
    return LinkSettings(
        host=address.host,
        port=address.port,
        server_ca=ca / "server-ca.pem",
        certificate=ca / "controller.pem",
        key=ca / "controller.key",
        client_id="@bench",
    )


@contextmanager
def _publisher(link: LinkSettings) -> Iterator[paho.Client]:
    client = paho.Client(CallbackAPIVersion.VERSION2, client_id=link.client_id)
    client.tls_set(str(link.server_ca), str(link.certificate), str(link.key))
    client.connect(link.host, link.port)
    client.loop_start()
    try:
        yield client
    finally:
        client.disconnect()
        client.loop_stop()


def _child_of(pid: int) -> int:
    """The broker: the controller's only child."""
    return int(Path(f"/proc/{pid}/task/{pid}/children").read_text().split()[0])


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


@contextmanager
def fleet(folder: Path, count: int) -> Iterator[Run]:
    """Founded, enrolled, up, and online."""
    found(folder)
    seats = folder / "seats"
    seats.mkdir()
    began = time.monotonic()
    device_ids = asyncio.run(enrol(folder / "controller", seats, count))
    _say(f"{count} certificates are issued, {time.monotonic() - began:.0f} s")
    with _started(folder) as up:
        devices = Devices(seats, device_ids)
        try:
            devices.all("run", config=CONFIG.format(interval=60))
            _ready(up, count)
            yield Run(up, devices, count)
        finally:
            devices.close()


@contextmanager
def _started(folder: Path) -> Iterator[Controller]:
    up = start(folder)
    try:
        yield up
    finally:
        if up.process.poll() is None:
            up.stop()


def _ready(up: Controller, count: int) -> None:
    """All online, and two releases there."""
    up.cli("channel", "set", "stable", "--settle-seconds", "0")
    for version, interval in (("1.0", 61), ("1.1", 62)):
        file = up.folder / f"{version}.toml"
        file.write_text(CONFIG.format(interval=interval))
        gate = ("--gate-hold", "0", "--gate-within", "120")
        up.cli("release", "create", "--version", version, "--config", str(file), *gate)
    client, began = up.client(), time.monotonic()
    while (online := client.count_devices(connectivity="online")) < count:
        if time.monotonic() - began > 900:
            raise SystemExit(f"bench-rollback: only {online} of {count} devices came online in 900 s")
        time.sleep(1)
    _say(f"{count} devices are online, {time.monotonic() - began:.0f} s")


def _shown(one: Figures) -> str:
    return (
        f"{one.devices} devices in {one.processes} processes, TLS, QoS 1, a message of {one.message_bytes} bytes\n"
        f"rollback, from the command to the last acknowledgement   {one.command:8.2f} s\n"
        f"  from the publication to the first, median, last        {one.first:8.2f} {one.half:.2f} {one.last:.2f} s\n"
        f"raw fan-out of the same broker, bare subscribers         {one.raw_fan_out:8.2f} s\n"
        f"the devices' own fsyncs alone, {one.fsyncs_a_device:.0f} a device              {one.fsyncs_alone:8.2f} s\n"
        f"our share, in parts of those two                         {one.our_share:8.2f}   (goal: at most 1)\n"
        f"  from the publication on                                {one.our_share_from_publication:8.2f}\n"
        f"processor seconds: devices {one.cpu_devices:.1f}, controller {one.cpu_controller:.1f}, "
        f"broker {one.cpu_broker:.1f}"
    )


def main() -> int:
    """0 = the goal is met."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--devices", type=int, default=1000)
    parser.add_argument(
        "--dir", type=Path, help="where devices' journals lie: a real disk (default: the temporary one)"
    )
    parser.add_argument("-o", "--output", choices=("text", "json"), default="text")
    asked = parser.parse_args()
    with (
        tempfile.TemporaryDirectory(prefix="pyv-rollback-", dir=asked.dir) as name,
        fleet(Path(name), asked.devices) as run,
    ):
        figures = run.measure()
    print(json.dumps(asdict(figures), indent=2) if asked.output == "json" else _shown(figures))
    return 0 if figures.our_share <= 1 else 1


if __name__ == "__main__":
    sys.exit(main())
