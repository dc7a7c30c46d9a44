"""A mosquitto without TLS on loopback, as stands beside a device for its sensors."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable
from pathlib import Path

import paho.mqtt.client as paho
from paho.mqtt.enums import CallbackAPIVersion

from pyv_fleet.broker.fetch import obtain
from pyv_fleet.broker.launch import command
from running.ports import free_ports


class LocalBroker:
    """Started and stopped at will, always on the same port, for one user with a password or for anybody."""

    def __init__(self, root: Path, users: Path | None = None) -> None:
        self.port = free_ports(1)[0]
        self._found = obtain()
        self._conf = root / "mosquitto.conf"
        # root's broker becomes another user who may not read the test's folder
        access = "allow_anonymous true" if users is None else f"allow_anonymous false\npassword_file {users}"
        self._conf.write_text(f"listener {self.port} 127.0.0.1\nuser root\n{access}\n")
        self._process: subprocess.Popen[bytes] | None = None

    def start(self, until: Callable[..., object]) -> None:
        """Run it until it answers."""
        program = [str(self._found.executable), "-c", str(self._conf)]
        self._process = subprocess.Popen(
            command(program, self._found.environment), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        until(lambda: self.say("test/awake", b"1") or True, within=10, what="the local broker answers")

    def stop(self) -> None:
        """End it; may be called twice."""
        if self._process is not None:
            self._process.terminate()
            self._process.wait(10)
        self._process = None

    def say(self, topic: str, payload: bytes) -> None:
        """Publish one message, as a sensor does; OSError if nobody answers."""
        client = paho.Client(CallbackAPIVersion.VERSION2, client_id=f"sensor-{os.getpid()}")
        client.connect("127.0.0.1", self.port)
        client.loop_start()
        try:
            client.publish(topic, payload, qos=1).wait_for_publish(5)
        finally:
            client.disconnect()
            client.loop_stop()
