"""The CLI against the stand-in's API on a real socket: homes made, commands run in this process."""

from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from click.testing import CliRunner, Result

from pyv_fleet.api.server import Listener
from pyv_fleet.main import cli
from running.faces import StandInDesk, app_of


@dataclass
class Console:
    """An operator at a terminal that is none."""

    home: Path
    desk: StandInDesk

    def __call__(self, *words: str, **more: Any) -> Result:
        return CliRunner().invoke(cli, ["--home", str(self.home), *words], **more)

    def json(self, *words: str) -> Any:
        done = self(*words, "-o", "json")
        return json.loads(done.stdout)


@contextmanager
def console(home: Path, desk: StandInDesk, scope: str = "admin") -> Iterator[Console]:
    """A console whose fleet is the stand-in, served over plain HTTP on loopback."""
    started, stop = threading.Event(), threading.Event()
    address: list[str] = []

    async def serve() -> None:
        listener = Listener(app_of(desk), "127.0.0.1", 0)
        await listener.start()
        address.append(listener.url)
        started.set()
        await asyncio.to_thread(stop.wait)
        await listener.stop()

    thread = threading.Thread(target=lambda: asyncio.run(serve()))
    thread.start()
    try:
        assert started.wait(10)
        home.mkdir(exist_ok=True)
        (home / "context.toml").write_text(f'api = "{address[0]}"\n')
        (home / "token").write_text(f"pyvapi1.{scope}\n")
        yield Console(home, desk)
    finally:
        stop.set()
        thread.join(10)
