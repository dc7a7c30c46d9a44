"""Bad releases of five kinds on simulated devices over real MQTT with TLS; a witness counts whom they ever touched."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from pyv_fleet.core.release import build_release
from pyv_fleet.core.views import ReleaseUpload, RolloutSpec
from pyv_fleet.trust.keyfiles import read_or_make_key
from pyv_fleet.trust.signing import sign_release
from pyvorin_edge.orders import Gate, Require
from pyvorin_edge.vocabulary import ConfigFormat, HealthStatus
from running.broker import MqttCarrier
from running.bundles import lay
from running.controller import Controller
from running.controller_kills import Said, beside
from running.demo import until
from running.simulated import CONFIG, simulated

CHANNEL: Final = "stable"
#: what a device that runs it does; `value` is a config value that is wrong: a sensor that it makes fail
KINDS: Final = ("crash", "hang", "leak", "value", "cut")
GATE: Final = Gate(
    within_seconds=20,
    hold_seconds=15,
    require=Require(health=HealthStatus.HEALTHY, adapters_connected="all", max_ram_percent=80.0),
)
ENDED: Final = frozenset({"reverted", "paused", "aborted", "completed", "superseded"})
WORDS: Final = ("--reach-seconds", "5", "--watchdog-seconds", "3", "--leak-percent", "4")


@dataclass(frozen=True)
class Stopped:
    """How one bad release ended."""

    kind: str
    devices: int
    #: of the first wave
    canary: int
    #: devices that ever aimed at it, by their own reports
    touched: int
    state: str
    #: why, in the rollout's words
    because: str
    seconds: float

    def __str__(self) -> str:
        return (
            f"{self.kind}: {self.state} after {self.seconds:.0f} s; {self.touched} of {self.devices} devices were ever "
            f"touched, {self.canary} in the canary: {self.because}"
        )


class Fleet:
    """A controller, its broker beside it, and devices on a good release."""

    def __init__(self, up: Controller, carrier: MqttCarrier, devices: int, canary: int) -> None:
        self._up = up
        self._said = Said(carrier)
        self._client = up.client()
        self._devices = devices
        self._canary = canary

    def good(self) -> None:
        """All on a good release first."""
        self._release("good", CONFIG.format(interval=5))
        spec = RolloutSpec(channel=CHANNEL, release="good", waves=("100%",), soak_seconds=0, reason="a test")
        made = self._client.create_rollout(spec).id
        until(lambda: self._client.rollout(made).state == "completed", within=300, what="all are on the good release")

    def stop(self, kind: str) -> Stopped:
        """Roll a bad one out, and wait for what becomes of it."""
        digest = self._release(f"bad-{kind}", _config(kind))
        since, began = self._said.mark(), time.monotonic()
        spec = RolloutSpec(
            channel=CHANNEL, release=digest, waves=(str(self._canary), "100%"), soak_seconds=5, deadline_seconds=120,
            reason=f"it is bad: {kind}",
        )  # fmt: skip
        made = self._client.create_rollout(spec).id
        until(lambda: self._client.rollout(made).state in ENDED, within=300, what=f"{kind} is stopped")
        at = self._client.rollout(made)
        touched = {
            one.device_id
            for one in self._said.reports(since)
            if digest in (one.running.release, one.target.release if one.target else None)
        }
        seconds = time.monotonic() - began
        return Stopped(kind, self._devices, self._canary, len(touched), str(at.state), at.because, seconds)

    def _release(self, version: str, config: str) -> str:
        if version == "bad-cut":  # only a change of code is judged by whether the fleet is reached again (rule 7)
            return self._with_code(version, config)
        made = build_release(config.encode(), fleet="lab", version=version, format=ConfigFormat.TOML, gate=GATE)
        envelope = sign_release(made, read_or_make_key(self._up.operator / "keys" / "release.key"))
        upload = ReleaseUpload(envelope=envelope, blob=config.encode())
        return str(self._client.publish_release(upload).digest)

    def _with_code(self, version: str, config: str) -> str:
        file, bundle = self._up.folder / f"{version}.toml", lay(self._up.folder / version, {"site/new.py": b"x = 1\n"})
        file.write_text(config)
        words = ("--gate-within", "20", "--gate-hold", "1", "--bundle", str(bundle))
        self._up.cli("release", "create", "--version", version, "--config", str(file), *words)
        return str(self._client.release(version).digest)


def _config(kind: str) -> str:
    first = CONFIG.format(interval=5)
    if kind == "value":
        return first + "fail_after_seconds = 0.0\n"
    return first + f'\n[[sensors.devices]]\nname = "fault-{kind}"\ningest_type = "simulator"\n'


@contextmanager
def fleet(folder: Path, devices: int, canary: int) -> Iterator[Fleet]:
    """Up, with all devices on a good release; ended with the block."""
    with ExitStack() as stack:
        up, carrier = stack.enter_context(beside(folder))
        up.cli("channel", "set", CHANNEL, "--settle-seconds", "0", "--beat-seconds", "2")
        stack.enter_context(simulated(up, devices, "bad", words=WORDS))
        made = Fleet(up, carrier, devices, canary)
        made.good()
        yield made
