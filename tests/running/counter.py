"""The CLI against a bench's engine through the real API: an operator at the counter of a fleet without a broker."""

from __future__ import annotations

import asyncio
import datetime as dt
import json
import threading
from collections.abc import Callable, Coroutine, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from click.testing import CliRunner, Result

from pyv_fleet.api.app import build_app
from pyv_fleet.api.context import ApiContext
from pyv_fleet.api.server import Listener
from pyv_fleet.core.words import AuthScope
from pyv_fleet.main import cli
from running.bench import Bench, bench
from running.faces import certificate

T = TypeVar("T")
WAIT_SECONDS = 30.0


@dataclass
class Counter:
    """An operator's home beside a bench; the engine runs on a loop in a thread of its own."""

    home: Path
    place: Bench
    loop: asyncio.AbstractEventLoop

    def __call__(self, *words: str, **more: Any) -> Result:
        return CliRunner().invoke(cli, ["--home", str(self.home), *words], **more)

    def json(self, *words: str) -> Any:
        done = self(*words, "-o", "json")
        assert done.exit_code == 0, done.stderr
        return json.loads(done.stdout)

    def do(self, act: Callable[[Bench], Coroutine[Any, Any, T]]) -> T:
        """Something on the engine's side."""
        return asyncio.run_coroutine_threadsafe(act(self.place), self.loop).result(WAIT_SECONDS)


@contextmanager
def counter(root: Path, scope: AuthScope = AuthScope.OPERATE) -> Iterator[Counter]:
    """An operator's home whose fleet is a bench, served over plain HTTP on loopback."""
    started, stop = threading.Event(), threading.Event()
    made: list[Counter] = []

    async def serve() -> None:
        async with bench(root / "bench") as place:
            context = ApiContext(
                desk=place.desk,
                device_ca=place.authority.device_ca,
                server_ca=certificate("server-ca"),
                clock=lambda: dt.datetime.fromtimestamp(place.time.ms / 1000, dt.UTC),
            )
            listener = Listener(build_app(context), "127.0.0.1", 0)
            await listener.start()
            home = root / "operator"
            home.mkdir()
            (home / "context.toml").write_text(f'api = "{listener.url}"\n')
            (home / "token").write_text(await place.key_text(scope) + "\n")
            made.append(Counter(home, place, asyncio.get_running_loop()))
            started.set()
            await asyncio.to_thread(stop.wait)
            await listener.stop()

    (root / "bench").mkdir()
    thread = threading.Thread(target=lambda: asyncio.run(serve()))
    thread.start()
    try:
        assert started.wait(WAIT_SECONDS)
        yield made[0]
    finally:
        stop.set()
        thread.join(WAIT_SECONDS)
