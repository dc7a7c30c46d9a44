"""`pyv-fleet serve`: the controller as a process. It starts its broker, serves its API, and ends all in order."""

from __future__ import annotations

import asyncio
import datetime as dt
import json
import logging
import os
import secrets
import signal
import sys
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Final

import click

from pyv_fleet.cli.home import alone, broker_of, link_of
from pyv_fleet.cli.session import CliError, guarded

if TYPE_CHECKING:
    from pyv_fleet.api.context import ApiContext
    from pyv_fleet.api.server import Listener
    from pyv_fleet.broker.interface import Broker
    from pyv_fleet.engine.assembly import Engine
    from pyv_fleet.engine.ground import Ground
    from pyv_fleet.link.prometheus import Prometheus
    from pyv_fleet.settings import Settings
    from pyv_fleet.trust.authority import Authority

log = logging.getLogger(__name__)
READY_FILE: Final = "ready.json"
DAY_SECONDS: Final = 86_400.0
READY_SECONDS_MAX: Final = 15.0
_PR_SET_PDEATHSIG: Final = 1


@click.command("serve")
@click.option("--data", type=click.Path(path_type=Path, exists=True, file_okay=False), required=True,
              help="The controller's home, made by `fleet init`.")  # fmt: skip
@click.option("--die-with-parent", is_flag=True, help="End when the program that started this one ends.")
@click.option("-v", "--verbose", is_flag=True, help="Say more in the log.")
@guarded
def serve_command(data: Path, die_with_parent: bool, verbose: bool) -> None:
    """Run the controller: API, page, broker, intake. Ctrl-C or SIGTERM ends it in order."""
    import uvloop

    from pyv_fleet.settings import read_settings

    if die_with_parent:
        tie_to_parent()
    logging.basicConfig(
        level=logging.INFO if verbose else logging.WARNING,
        format="%(asctime)s %(levelname)s %(name)s: %(message)s",
        stream=sys.stderr,
    )
    settings = read_settings(data)
    with alone(data):
        uvloop.run(serve(data.resolve(), settings))


def tie_to_parent() -> None:
    """Ask the kernel for SIGTERM when the parent dies; end at once if it died before (STACK 11)."""
    import ctypes

    parent = os.getppid()
    ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, signal.SIGTERM, 0, 0, 0)
    if os.getppid() != parent or parent == 1:
        raise CliError("the program that started this one is gone already")


async def serve(data: Path, settings: Settings) -> None:
    """Until SIGTERM or SIGINT; whatever fails for good ends the controller with its cause.

    What was begun last ends first: listeners, then the engine's tasks, then the broker, then the store.
    """
    stop = _stop_on_signals()
    (data / READY_FILE).unlink(missing_ok=True)
    async with _ground(data, settings) as ground, _controller(data, settings, ground) as (engine, listeners, broker):
        try:
            await _until_caught_up(engine, stop)
            _tell_ready(data, settings, listeners, broker)
            await stop.wait()
        finally:
            (data / READY_FILE).unlink(missing_ok=True)
        log.info("stopping")


@asynccontextmanager
async def _ground(data: Path, settings: Settings) -> AsyncIterator[Ground]:
    """The store, open."""
    from pyv_fleet.engine.ground import Ground
    from pyv_fleet.settings import store_url
    from pyv_fleet.store.database import Database

    database = await Database.open(store_url(settings, data))
    try:
        yield Ground(database, _clock_ms, secrets.token_bytes, settings.fleet)
    finally:
        await database.close()


async def _until_caught_up(engine: Engine, stop: asyncio.Event) -> None:
    """Ready is who may order; but a broker or a fleet that is away is not waited for longer than a while."""
    done = [asyncio.ensure_future(one.wait()) for one in (engine.catching_up.done, stop)]
    ended, waiting = await asyncio.wait(done, timeout=READY_SECONDS_MAX, return_when=asyncio.FIRST_COMPLETED)
    for one in waiting:
        one.cancel()
    if not ended:
        _say(f"not ready to order yet: {engine.catching_up.progress.sentence}; see: pyv-fleet fleet status")


@asynccontextmanager
async def _controller(
    data: Path, settings: Settings, ground: Ground
) -> AsyncIterator[tuple[Engine, Sequence[Listener], Broker]]:
    """Everything up: addresses are taken first, so that a taken one stops all before anything starts."""
    from pyv_fleet.broker.interface import BrokerUnsupported
    from pyv_fleet.trust.authority import Authority

    authority = Authority.open_or_create(data / "ca", settings.hosts, _now())
    bell = _Bell()
    broker = await broker_of(data, settings, authority, bell.ring)
    engine = await _engine(data, settings, ground, authority, broker)
    bell.engine = engine
    context = _api_context(settings, engine, authority, broker)
    listeners = _listeners(settings, authority, context)
    for listener in listeners:
        listener.bind()
    with suppress(BrokerUnsupported):  # someone else's broker has its own
        await engine.refresh_crl()
    await broker.start()
    try:
        async with engine.running(link_of(broker, authority)), _renewing(authority, settings, listeners):
            for listener in listeners:
                await listener.start()
            try:
                yield engine, listeners, broker
            finally:
                context.closing.set()
                await asyncio.gather(*(listener.stop() for listener in listeners))
    finally:
        await broker.stop()


def _stop_on_signals() -> asyncio.Event:
    """The handler only sets a flag: one that stops things itself hung when signals came twice (STACK 11)."""
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    return stop


async def _engine(data: Path, settings: Settings, ground: Ground, authority: Authority, broker: Broker) -> Engine:
    from pyv_fleet.core.history import Kept
    from pyv_fleet.core.polling import parse_address
    from pyv_fleet.engine.assembly import Surroundings, assemble
    from pyv_fleet.engine.parts import Addresses
    from pyv_fleet.engine.polls import PollPlan
    from pyv_fleet.sinks_of import telling_of
    from pyv_fleet.store.bundle_files import BundleFiles
    from pyv_fleet.trust.signing import DirectiveSigner
    from pyvorin_edge.report import JoinLink

    host = _shown(settings.hosts[0])
    mqtt, api = f"{host}:{broker.devices_address.port}", f"https://{host}:{settings.api.port}"
    ca = authority.places.server_ca.certificate.read_text(encoding="utf-8")
    around = Surroundings(
        ground=ground,
        monotonic=asyncio.get_running_loop().time,
        authority=authority,
        signer=DirectiveSigner.at(data / "keys" / "directive.key"),
        broker=broker,
        link=lambda: JoinLink(mqtt=(mqtt,), http=(api,), ca_pem=(ca,)),
        addresses=Addresses(broker=mqtt, api=api),
        bundles=BundleFiles(data / "bundles", settings.bundles.max_bytes),
        article_channel=settings.article.channel,
        prometheus=_prometheus(settings),
        telling=telling_of(settings.alerts),
        kept=Kept(whole_days=settings.history.whole_days, landmarks_days=settings.history.landmarks_days),
        polls=PollPlan(
            addresses={one.device_id: parse_address(one.url) for one in settings.poller.devices},
            every_seconds=settings.poller.every_seconds,
            timeout_seconds=settings.poller.timeout_seconds,
        ),
    )
    return await assemble(around)


class _Bell:
    """What befalls the broker becomes an alert, once there is an engine to keep it."""

    def __init__(self) -> None:
        self.engine: Engine | None = None
        self._tasks: set[asyncio.Task[None]] = set()

    def ring(self, sentence: str) -> None:
        """Called by the broker, on the loop; it logs by itself."""
        if self.engine is None:
            return
        task = asyncio.get_running_loop().create_task(self.engine.broker_told(sentence))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)


def _prometheus(settings: Settings) -> Prometheus | None:
    from pyv_fleet.core.polling import parse_prometheus_url
    from pyv_fleet.link.prometheus import Prometheus

    said = settings.prometheus
    if not said.url:
        return None
    address, prefix = parse_prometheus_url(said.url)
    token_file = Path(said.token_file) if said.token_file else None
    return Prometheus(address=address, prefix=prefix, timeout_seconds=said.timeout_seconds, token_file=token_file)


def _api_context(settings: Settings, engine: Engine, authority: Authority, broker: Broker) -> ApiContext:
    from pyv_fleet.api.context import ApiContext
    from pyv_fleet.api.slots import Slots
    from pyv_fleet.core.access import Doors

    return ApiContext(
        desk=engine.desk,
        device_ca=authority.device_ca,
        server_ca=authority.server_ca,
        clock=_now,
        doors=Doors(article_networks=settings.article.networks, page_open_on_loopback=settings.page.open_on_loopback),
        hosts=settings.hosts,
        broker_pid=lambda: getattr(broker, "pid", None),
        backlog=lambda: engine.intake.backlog,
        polls=lambda: engine.polls.outcomes,
        not_raised=lambda: engine.desk.article_not_raised,
        downloads=Slots(settings.bundles.downloads_max, settings.bundles.downloads_per_device_max),
    )


def _listeners(settings: Settings, authority: Authority, context: ApiContext) -> tuple[Listener, ...]:
    """Everything over TLS; all but what needs TLS also in plain text, on loopback alone."""
    from pyv_fleet.api.app import build_app
    from pyv_fleet.api.server import Listener
    from pyv_fleet.api.tls import server_context
    from pyv_fleet.web.page import page_routes

    app = build_app(context, [page_routes(context.desk)])
    places = authority.places
    tls = server_context(str(places.server.certificate), str(places.server.key), str(places.device_ca.certificate))
    return Listener(app, settings.api.host, settings.api.port, tls), Listener(app, "127.0.0.1", settings.page.port)


@asynccontextmanager
async def _renewing(authority: Authority, settings: Settings, listeners: Sequence[Listener]) -> AsyncIterator[None]:
    """Daily our own certificates are looked at, and a new one is shown to whoever connects from then on."""

    async def daily() -> None:
        while True:
            await asyncio.sleep(DAY_SECONDS)
            if authority.refresh(settings.hosts, _now()):
                server = authority.places.server
                for listener in listeners:
                    if listener.tls is not None:
                        listener.tls.load_cert_chain(server.certificate, server.key)

    task = asyncio.create_task(daily(), name="certificates")
    try:
        yield
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task


def _tell_ready(data: Path, settings: Settings, listeners: Sequence[Listener], broker: Broker) -> None:
    """A line a listener for people, `ready.json` for programs."""
    from pyv_fleet.durable import write_durably

    tls, plain = listeners
    facts = {
        "pid": os.getpid(),
        "fleet": settings.fleet,
        "api": tls.url,
        "page": f"{plain.url}/",
        "mqtt": f"{settings.hosts[0]}:{settings.broker.port}",
        "controller_mqtt": f"mqtts://{broker.controller_address}",
        "ca": str(data / "ca" / "server-ca.pem"),
    }
    write_durably(data / READY_FILE, json.dumps(facts, indent=2).encode() + b"\n", mode=0o644)
    for name in ("api", "page", "mqtt"):
        _say(f"{name:5} {facts[name]}")


def _shown(host: str) -> str:
    return f"[{host}]" if ":" in host else host


def _say(sentence: str) -> None:
    click.echo(sentence, err=True)


def _clock_ms() -> int:
    return time.time_ns() // 1_000_000


def _now() -> dt.datetime:
    return dt.datetime.now(dt.UTC)  # noqa: TID251 - the controller's one clock, handed to all that need it
