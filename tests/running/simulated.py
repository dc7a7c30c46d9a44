"""Simulated devices as a process of their own beside a controller, and quick releases for them."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from pyv_fleet.core.views import TokenSpec
from running.controller import Controller
from running.demo import BIN, until

CONFIG = """[sensors]
poll_interval_seconds = {interval}.0

[[sensors.devices]]
name = "t"
ingest_type = "simulator"
sensor_type = "temperature"
unit = "C"
"""


def configured(up: Controller, *versions: str, channel: str = "stable", hold_seconds: int = 0) -> None:
    """Releases of these versions, each with a config of its own and quick to prove; a channel that beats fast."""
    up.cli("channel", "set", channel, "--settle-seconds", "0", "--beat-seconds", "1")
    for version in versions:
        config = up.folder / f"config-{version}.toml"
        config.write_text(CONFIG.format(interval=sum(map(ord, version))))
        gate = ("--gate-hold", str(hold_seconds), "--gate-within", "10")
        up.cli("release", "create", "--version", version, "--config", str(config), *gate)


@contextmanager
def simulated(
    up: Controller, count: int, prefix: str, channel: str = "stable", words: Sequence[str] = (), **labels: str
) -> Iterator[subprocess.Popen[bytes]]:
    """So many simulated devices, enrolled and running until the block ends."""
    folder = up.folder / f"simulated-{prefix}"
    folder.mkdir()
    token = folder / "token"
    token.write_text(up.client().create_token(TokenSpec(uses=count, channel=channel, labels=labels)).token)
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(
            [BIN / "pyv-fleet", "simulate", "--api", up.ready["api"], "--token-file", token, "--count", str(count),
             "--prefix", prefix, "--dir", folder / "keys", "--ready-file", folder / "ready", *words],
            stdin=subprocess.DEVNULL, stdout=log, stderr=log,
        )  # fmt: skip
    try:
        until(lambda: (folder / "ready").exists(), within=60 + count, what="the simulated devices have enrolled")
        yield process
    finally:
        process.terminate()
        process.wait(20)
