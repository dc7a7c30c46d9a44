"""Devices without a broker, as an operator with SSH alone has them: sshd and a real agent each, and orders."""

from __future__ import annotations

import signal
import subprocess
from pathlib import Path
from typing import Any

from conformance.fleet import Fleet
from conformance.parcel_subject import Satchel
from pyvorin_edge import wire
from pyvorin_edge.envelope import public_bytes
from pyvorin_edge.identity import Digest
from running.demo import BIN, until
from running.sshd import SshHost, make_key

AGENT = BIN / "pyv-edge-agent"


def config_of(size: int) -> bytes:
    """A config that is told from others by one value."""
    return f"[sensors]\npoll_interval_seconds = 0.2\n\n[windows]\ndefault_size = {size}\n".encode()


class Device:
    """A device: its host, its agent."""

    def __init__(self, host: SshHost, name: str) -> None:
        self.host = host
        self.name = name
        self.agent: subprocess.Popen[bytes] | None = None

    @property
    def config(self) -> bytes:
        return (self.host.state / "config.toml").read_bytes()

    def start(self) -> None:
        """Its agent, up."""
        argv = [AGENT, "run", "--state-dir", self.host.state, "--health-port", "0", "--clock", "synced"]
        with (self.host.folder / "agent.log").open("ab") as log:
            self.agent = subprocess.Popen(argv, stdout=log, stderr=log)
        until((self.host.state / "agent.sock").exists, within=60, what=f"the agent of {self.name} answers")

    def stop(self) -> None:
        """Agent and sshd."""
        if self.agent is not None:
            self.agent.send_signal(signal.SIGTERM)
            self.agent.wait(timeout=20)
            self.agent = None
        self.host.stop()


class Field:
    """Devices, and an operator who holds no more than parcels, a key and known_hosts."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.satchel = Satchel()
        self.fleet = Fleet(self.satchel, "FLEET-none", "h:1", hold_seconds=0)
        self.fleet.send_trust(1)
        self.key = make_key(folder / "operator_key")
        self.devices: dict[str, Device] = {}
        self._anchor = folder / "trust_anchor.json"
        self._anchor.write_bytes(wire.encode({"public_key": public_bytes(self.fleet.root).hex()}))

    def add(self, name: str, *, state: Path | None = None, runs: bool = True) -> Device:
        """One more device, with sshd and, if it runs, its agent up."""
        place = state or self.folder / f"{name}-state"
        words = ("--offline", "--trust-anchor", self._anchor, "--out", place, "--device-id", f"FLEET-{name}")
        subprocess.run([AGENT, "provision", *words], check=True, capture_output=True)
        device = Device(SshHost(self.folder, name, self.key, place), name)
        self.devices[name] = device
        device.host.start()
        if runs:
            device.start()
        return device

    def order(self, version: str, size: int, **fields: Any) -> Digest:
        """The channel orders this release from now on."""
        release = self.fleet.release(version, config_of(size), **fields)
        self.fleet.direct(release)
        return release

    def push_argv(self, *names: str, **places: Path) -> list[str]:
        """`pyv-fleet push ssh` to these devices, the first of them first: orders, inventory and known_hosts as now."""
        parcel, inventory, known = (self.folder / name for name in ("parcel.json", "hosts.toml", "known_hosts"))
        parcel.write_bytes(self.satchel.parcel())
        hosts = [self.devices[name].host for name in names]
        if "inventory" not in places:
            inventory.write_text("\n".join(host.toml() for host in hosts))
        if "known_hosts" not in places:
            known.write_text("".join(host.known_line() for host in hosts))
        return [
            str(word)
            for word in (
                BIN / "pyv-fleet", "push", "ssh", "--parcel", parcel, "--inventory", places.get("inventory", inventory),
                "--known-hosts", places.get("known_hosts", known), "--identity", self.key, "--ssh-config", "/dev/null",
            )
        ]  # fmt: skip

    def stop(self) -> None:
        """All of it."""
        for device in self.devices.values():
            device.stop()
