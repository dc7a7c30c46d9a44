"""`pyv-fleet rollback --offline-key`: while the store or the whole controller is away, through the broker alone."""

from __future__ import annotations

import asyncio
import getpass
import json
from collections import Counter
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import click

from pyv_fleet.cli.consent import ask_count
from pyv_fleet.cli.home import alone, broker_up, link_at, say
from pyv_fleet.cli.session import CliError, Exit, Session, naming

if TYPE_CHECKING:
    from pyv_fleet.broker.interface import BrokerAddress
    from pyv_fleet.core.offline import Part, Wish
    from pyv_fleet.core.views import RollbackReport, RollbackSpec
    from pyv_fleet.engine.rollback_watch import Following
    from pyv_fleet.link.mqtt import LinkSettings
    from pyv_fleet.offline import Sight, Way
    from pyv_fleet.settings import Settings

RECORDS: Final = "offline-rollbacks"
READY_FILE: Final = "ready.json"
NEEDED: Final = ("fleet.toml", "ca/controller.pem", "ca/controller.key", "ca/server-ca.pem", "trust/1.json")
FEW: Final = 10
_FILE = click.Path(path_type=Path, exists=True, dir_okay=False)
OPTIONS: Final = (
    click.option(
        "--offline-key", "offline_keys", type=_FILE, multiple=True, metavar="FILE",
        help="Order with the directive key in this file, through the broker alone; repeat if more than one must sign.",
    ),
    click.option(
        "--data", type=click.Path(path_type=Path, exists=True, file_okay=False),
        help="Offline: the controller's home, with broker, certificates and trust; else give the next five.",
    ),
    click.option("--broker", "broker_url", metavar="mqtts://HOST:PORT", help="Offline: where the controller connects."),
    click.option("--server-ca", type=_FILE, help="Offline: the broker is verified by it."),
    click.option("--certificate", type=_FILE, help="Offline: the controller's certificate."),
    click.option("--certificate-key", type=_FILE, help="Offline: its key."),
    click.option("--trust-anchor", type=_FILE, help="Offline: what `trust anchor` wrote."),
    click.option(
        "--listen", "listen_seconds", type=click.FloatRange(0, 600),
        help="Offline: seconds to hear what devices hold  [default: as long as such a fleet needs]",
    ),
    click.option("--anew", is_flag=True, help="Offline: a new order, though just the same was given before."),
)  # fmt: skip
NAMES: Final = (
    "offline_keys", "data", "broker_url", "server_ca", "certificate", "certificate_key", "trust_anchor",
    "listen_seconds", "anew",
)  # fmt: skip


def with_offline(function: Callable[..., Any]) -> Callable[..., Any]:
    """The options of an offline rollback."""
    for option in reversed(OPTIONS):
        function = option(function)
    return function


def roll_back_offline(
    session: Session, spec: RollbackSpec, options: Mapping[str, Any], told: Callable[[Following], None]
) -> RollbackReport:
    """Resolve, ask, order, hear; `told` sees how far it is, in a thread. The report, however it ended."""
    from pyv_fleet.core.offline import OfflineRefused, Wish
    from pyv_fleet.link.interface import LinkError

    wish = Wish(
        to=spec.to, channels=spec.channels, where=dict(spec.labels), reason=spec.reason, by=getpass.getuser() or "?"
    )
    try:
        return asyncio.run(_all(session, wish, options, told))
    except LinkError as why:
        raise CliError(str(why)) from None
    except OfflineRefused as why:
        raise CliError(str(why), Exit.CONFLICT) from None


async def _all(
    session: Session, wish: Wish, options: Mapping[str, Any], told: Callable[[Following], None]
) -> RollbackReport:
    from pyv_fleet.core.offline import resolve
    from pyv_fleet.engine.rollback_views import report_of
    from pyv_fleet.offline import Records, Watch, following_of, look, now_ms, order_and_follow
    from pyv_fleet.trust.keyfiles import read_key

    keys = [read_key(path) for path in options["offline_keys"]]
    records = Records((options["data"] or session.home) / RECORDS)
    async with _way(options) as way:
        sight = await look(way, keys, session.say, options["listen_seconds"])
        parts = resolve(sight.found, sight.reports, wish, now_ms(), records.given(sight.fleet, sight.found.trust.epoch))
        _show(session, parts, wish, sight)
        count = sum(len(part.devices) for part in parts)
        versions = ", ".join(dict.fromkeys(part.release.order.version for part in parts))
        ask_count(session, f"back to {versions}", count, yes=options["yes"], expected=options["expect_count"])
        given, repeated = records.order(parts, wish, sight, keys, anew=options["anew"])
        session.say(f"the order is kept in {records.path(parts, wish, sight.found)}")
        if repeated:
            session.say("just this was ordered from here before: it is the same order again, no newer one")
        watch = Watch(following_of(parts, given, sight, now_ms()), sight, told)
        await order_and_follow(way, given, watch, options["timeout"])
    done = watch.following
    return report_of(done.record, list(done.acks.values()), done.standings)


@asynccontextmanager
async def _way(options: Mapping[str, Any]) -> AsyncIterator[Way]:
    """To the broker that answers; a managed one whose controller is away is brought up for the while."""
    from pyv_fleet.offline import Way

    data = options["data"]
    if data is None:
        yield _named_way(options)
        return
    from pyv_fleet.settings import read_settings
    from pyv_fleet.trust.root_document import anchor_of
    from pyvorin_edge import topics

    data = data.resolve()
    _refuse_without(data)
    settings = read_settings(data)
    documents = {topics.trust(int(one.stem)): one.read_bytes() for one in (data / "trust").glob("[0-9]*.json")}
    with naming(data / "trust" / "1.json"):
        anchor = anchor_of(documents[topics.trust(1)])
    async with AsyncExitStack() as stack:
        link, fresh = await _link(stack, data, settings)
        yield Way(link=link, anchor=anchor, documents=documents, fleet=settings.fleet, fresh=fresh)


def _named_way(options: Mapping[str, Any]) -> Way:
    from pyv_fleet.broker.external import parse_url
    from pyv_fleet.link.mqtt import LinkSettings
    from pyv_fleet.offline import Way
    from pyvorin_edge.trust import parse_anchor

    named = ("broker_url", "server_ca", "certificate", "certificate_key", "trust_anchor")
    missing = [name for name in named if options[name] is None]
    if missing:
        shown = ", ".join("--broker" if name == "broker_url" else f"--{name.replace('_', '-')}" for name in missing)
        raise CliError(f"which broker? Name the controller's home with --data, or give {shown} too", Exit.USAGE)
    address = parse_url(options["broker_url"])
    link = LinkSettings(
        host=address.host,
        port=address.port,
        server_ca=options["server_ca"],
        certificate=options["certificate"],
        key=options["certificate_key"],
    )
    with naming(options["trust_anchor"]):
        return Way(link=link, anchor=parse_anchor(options["trust_anchor"].read_bytes()))


def _refuse_without(data: Path) -> None:
    missing = [name for name in NEEDED if not (data / name).exists()]
    if missing:
        raise CliError(f"{data}: {', '.join(missing)} missing: is it a controller's home?", Exit.NOT_FOUND)


async def _link(stack: AsyncExitStack, data: Path, settings: Settings) -> tuple[LinkSettings, bool]:
    """Where the controller's listener is, and whether the broker was brought up for it."""
    import datetime as dt

    from pyv_fleet.broker import external
    from pyv_fleet.trust.authority import Authority, Places

    if settings.broker.mode == "external":
        broker = external.from_url(settings.broker.url, settings.broker.controller_url or None)
        return link_at(broker.controller_address, Places(data / "ca")), False
    try:
        stack.enter_context(alone(data))
    except CliError:
        return link_at(_address_of_running(data), Places(data / "ca")), False
    say("no controller runs on it: its broker is started for the while, and ends with this command")
    now = dt.datetime.now(dt.UTC)  # noqa: TID251 - what runs instead of the controller has its clock
    authority = Authority.open_or_create(data / "ca", settings.hosts, now)
    return await stack.enter_async_context(broker_up(data, settings, authority)), True


def _address_of_running(data: Path) -> BrokerAddress:
    """Of the controller's listener of a broker that a running controller has started."""
    from pyv_fleet.broker.external import parse_url

    try:
        return parse_url(json.loads((data / READY_FILE).read_bytes())["controller_mqtt"])
    except (OSError, ValueError, KeyError, TypeError):
        raise CliError(
            f"{data}: a controller runs on it and does not say where its broker is: it is not ready. Stop it (the "
            "broker is then started from here), or name the broker with --broker and the rest",
            Exit.CONFLICT,
        ) from None


def _show(session: Session, parts: Sequence[Part], wish: Wish, sight: Sight) -> None:
    from pyv_fleet.core.selectors import where_text

    chosen = f" with {where_text(wish.where)}" if wish.where else ""
    for part in parts:
        running = Counter(_runs(sight, one) for one in part.devices)
        was = ", ".join(f"{count} {name}" for name, count in sorted(running.items())) or "no device"
        session.say(f"channel {part.channel}{chosen}: {was} → {part.release.order.version}")
        if part.release.order.bundle is not None:
            session.say("  it has a bundle: who does not hold that any more gets it when the controller answers again")
        if part.floored:
            session.say(f"  {len(part.floored)} of them have a higher floor and will reject it: {_few(part.floored)}")
    pinned = sum(len(part.pinned) for part in parts)
    if pinned:
        session.say(f"pinned, so not meant: {pinned}")
    for why in sight.found.refused:
        session.say(f"not believed: {why}")
    meant = {one for part in parts for one in part.devices}
    if silent := sorted(meant & sight.silent):
        session.say(f"online by the broker's word, and no answer: {len(silent)}: {_few(silent)}")
    session.say(f"online now: {len(meant & sight.online)}; those that are not meet it on return")


def _runs(sight: Sight, device_id: str) -> str:
    report = sight.reports.get(device_id)
    if report is None:
        return "not heard"
    return "on no release" if report.running.version is None else f"on {report.running.version}"


def _few(ids: Sequence[str]) -> str:
    return ", ".join(ids[:FEW]) + ("" if len(ids) <= FEW else f" and {len(ids) - FEW} more")
