"""`pyv-fleet fleet`: make one, look at it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from pyv_fleet.cli.filters import fleet_option
from pyv_fleet.cli.output import Column, show_one
from pyv_fleet.cli.session import Session, guarded, with_session

if TYPE_CHECKING:
    from pyv_fleet.settings import PolledDevice


@click.group()
def group() -> None:
    """Make a fleet, look at it."""


@group.command()
@click.option("--data", type=click.Path(path_type=Path), required=True, help="The controller's home to make.")
@click.option("--operator", type=click.Path(path_type=Path), required=True, help="The operator's home to make.")
@fleet_option
@click.option("--host", "hosts", multiple=True, help="Name or address by which devices reach this machine; repeat.")
@click.option("--listen", default="127.0.0.1", show_default=True, help="Address that API and broker listen on.")
@click.option("--api-port", type=click.IntRange(0, 65_535), default=8443, show_default=True)
@click.option("--page-port", type=click.IntRange(0, 65_535), default=8090, show_default=True)
@click.option("--mqtt-port", type=click.IntRange(0, 65_535), default=8883, show_default=True)
@click.option("--article-channel", help="Channel that is also told on the article's MQTT topics.")
@click.option("--page-open-on-loopback", is_flag=True, help="Whoever is on this machine may see the page.")
@click.option(
    "--poll",
    "polled",
    multiple=True,
    metavar="DEVICE_ID=URL",
    help="Poll the /health of this device at http(s)://HOST:PORT; repeat.",
)
@click.option("--poll-every", type=click.FloatRange(0.5, 86_400), default=15.0, show_default=True, help="Seconds.")
@guarded
def init(
    data: Path,
    operator: Path,
    name: str,
    hosts: tuple[str, ...],
    listen: str,
    api_port: int,
    page_port: int,
    mqtt_port: int,
    article_channel: str | None,
    page_open_on_loopback: bool,
    polled: tuple[str, ...],
    poll_every: float,
) -> None:
    """Make a fleet: its keys, its authorities, its first trust document, its store, the operator's token.

    The root and release keys are made in the operator's home and never come near the controller's.
    """
    from pyv_fleet import settings as s
    from pyv_fleet.cli.founding import make_homes

    wanted = s.Settings(
        fleet=name,
        hosts=hosts or ("127.0.0.1",),
        api=s.ApiSettings(host=listen, port=api_port),
        page=s.PageSettings(port=page_port, open_on_loopback=page_open_on_loopback),
        broker=s.BrokerSection(host=listen, port=mqtt_port),
        article=s.ArticleSettings(channel=article_channel),
        poller=s.PollerSettings(every_seconds=poll_every, devices=tuple(map(_polled, polled))),
    )
    make_homes(data, operator, s.parse_settings(s.settings_text(wanted)))
    click.echo(f"fleet {name}: made. Start it with\n  pyv-fleet serve --data {data}", err=True)


def _polled(text: str) -> PolledDevice:
    from pyv_fleet.settings import PolledDevice

    device_id, equals, url = text.partition("=")
    if not equals:
        raise click.UsageError(f"--poll {text!r}: write DEVICE_ID=http://HOST:PORT")
    return PolledDevice(device_id=device_id, url=url)


@group.command()
@with_session
def show(session: Session) -> None:
    """The fleet: its name, root key, trust version, addresses."""
    show_one(session, session.client.fleet(), _FIELDS)


@group.command()
@with_session
def status(session: Session) -> None:
    """Whether orders go out, and if not, what is waited for.

    A controller that starts reads what its broker holds and hears what its devices hold before it orders anything.
    """
    show_one(session, session.client.fleet_status(), _STATUS)


_STATUS = (
    Column("orders", lambda s: s.orders),
    Column("detail", lambda s: s.detail),
    Column("devices expected", lambda s: s.expected),
    Column("devices heard", lambda s: s.heard),
    Column("taken from the broker", lambda s: s.taken),
    Column("alerts", lambda s: s.alerts),
)
_FIELDS = (
    Column("name", lambda f: f.name),
    Column("root key", lambda f: f.root_key),
    Column("trust version", lambda f: f.trust_version),
    Column("epoch", lambda f: f.epoch),
    Column("devices", lambda f: f.devices),
    Column("channels", lambda f: f.channels),
    Column("article channel", lambda f: f.article_channel),
    Column("api", lambda f: f.api),
    Column("broker", lambda f: f.broker),
    Column("broker pid", lambda f: f.broker_pid),
)
