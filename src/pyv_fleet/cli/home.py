"""What stands in a controller's home: its lock, its broker, the way to it. Shared by all that run on one."""

from __future__ import annotations

import asyncio
import os
import socket
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Final

import click

from pyv_fleet.cli.session import CliError, Exit

if TYPE_CHECKING:
    from pyv_fleet.broker.interface import Broker, BrokerAddress
    from pyv_fleet.broker.settings import TlsFiles
    from pyv_fleet.link.mqtt import LinkSettings
    from pyv_fleet.settings import Settings
    from pyv_fleet.trust.authority import Authority, Places

LOCK_FILE: Final = "serve.lock"


@contextmanager
def alone(data: Path) -> Iterator[None]:
    """One controller a home; CliError (conflict) if another runs. The kernel lets go of the lock however we end."""
    import fcntl

    descriptor = os.open(data / LOCK_FILE, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise CliError(f"{data}: another controller runs on it", Exit.CONFLICT) from None
        yield
    finally:
        os.close(descriptor)


async def broker_of(data: Path, settings: Settings, authority: Authority, told: Callable[[str], None]) -> Broker:
    """Ours, found or fetched, or someone else's by URL; not started yet."""
    from pyv_fleet.broker import external, fetch
    from pyv_fleet.broker.acl import device_acl
    from pyv_fleet.broker.interface import BrokerAddress
    from pyv_fleet.broker.mosquitto import ManagedBroker
    from pyv_fleet.broker.settings import BrokerSettings

    if settings.broker.mode == "external":
        return external.from_url(settings.broker.url, settings.broker.controller_url or None)
    mosquitto = await asyncio.to_thread(fetch.obtain, fetch.default_cache(os.environ), say)
    port = settings.broker.controller_port or _free_port()
    broker_settings = BrokerSettings(
        directory=data / "broker",
        devices=BrokerAddress(settings.broker.host, settings.broker.port),
        controller=BrokerAddress("127.0.0.1", port),
        tls=tls_files(authority),
    )
    crl = authority.places.device_crl.read_bytes()
    acl = device_acl(article=settings.article.channel is not None)
    return ManagedBroker(mosquitto, broker_settings, crl, acl=acl, told=told)


@asynccontextmanager
async def broker_up(data: Path, settings: Settings, authority: Authority) -> AsyncIterator[LinkSettings]:
    """The broker up for as long as the block, ours or someone else's, and the way to it; the controller must not run.

    The list of revoked certificates is written anew before: an expired one locks every device out.
    """
    import datetime as dt

    now = dt.datetime.now(dt.UTC)  # noqa: TID251 - what runs instead of the controller has its clock
    authority.write_crl(authority.listed(now), now)
    broker = await broker_of(data, settings, authority, say)
    await broker.start()
    try:
        yield link_of(broker, authority)
    finally:
        await broker.stop()


def link_of(broker: Broker, authority: Authority) -> LinkSettings:
    """The controller's way to its broker."""
    return link_at(broker.controller_address, authority.places)


def link_at(address: BrokerAddress, places: Places) -> LinkSettings:
    """The way to the broker's listener for the controller there, with the controller's own certificate."""
    from pyv_fleet.link.mqtt import LinkSettings

    return LinkSettings(
        host=address.host,
        port=address.port,
        server_ca=places.server_ca.certificate,
        certificate=places.controller.certificate,
        key=places.controller.key,
    )


def tls_files(authority: Authority) -> TlsFiles:
    """Where the managed broker finds what the authorities made."""
    from pyv_fleet.broker.settings import Identity, TlsFiles

    places = authority.places
    server, controller, canary, probe = (
        Identity(pair.certificate, pair.key) for pair in (places.server, places.controller, places.canary, places.probe)
    )
    return TlsFiles(
        server=server,
        server_ca=places.server_ca.certificate,
        device_ca=places.device_ca.certificate,
        controller_ca=places.controller_ca.certificate,
        controller=controller,
        canary=canary,
        probe=probe,
    )


def say(sentence: str) -> None:
    """Talk, on stderr."""
    click.echo(sentence, err=True)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
