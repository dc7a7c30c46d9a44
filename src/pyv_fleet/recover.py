"""`pyv-fleet recover --from-broker`: a store that was lost, made again of what the broker holds and devices say."""

from __future__ import annotations

import asyncio
import os
import secrets
import time
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Final

import click

from pyv_fleet.cli.home import alone, broker_up, say
from pyv_fleet.cli.session import CliError, Exit, Session, guarded, naming
from pyv_fleet.durable import sync_directory
from pyv_fleet.settings import STORE

if TYPE_CHECKING:
    from pyv_fleet.core.recovery import Found
    from pyv_fleet.link.mqtt import LinkSettings
    from pyv_fleet.settings import Settings
    from pyv_fleet.store.database import Database
    from pyvorin_edge.report import Report
    from pyvorin_edge.trust import Trust

#: without these nothing that is found could be believed, or ordered again
NEEDED: Final = ("fleet.toml", "keys/directive.key", "ca/device-ca.pem", "ca/device-ca.key", "trust/1.json")
LOST: Final = (
    "Not at the broker, and gone without a backup: who did what (the audit log), rollouts and rollbacks before now, "
    "alerts, tokens of people and devices (the operator's own is taken up again), telemetry, last-good, "
    "releases older than the newest five that nobody names."
)


@click.command("recover")
@click.option("--from-broker", is_flag=True, required=True, help="From what the broker holds and devices say.")
@click.option("--data", type=click.Path(path_type=Path, exists=True, file_okay=False), required=True,
              help="The controller's home: its keys, its authorities and fleet.toml must be there.")  # fmt: skip
@click.option("--operator", type=click.Path(path_type=Path), required=True,
              help="The operator's home: the token in it is taken up again.")  # fmt: skip
@click.option("--listen", "seconds", type=click.FloatRange(0, 600), default=20.0, show_default=True,
              help="Seconds to wait for devices to say what they hold.")  # fmt: skip
@click.option("--reason", required=True, help="Why; it stands in the new audit log.")
@click.option("--yes", is_flag=True, help="Do not ask; needs --expect-count.")
@click.option("--expect-count", type=click.IntRange(0), help="How many devices it must find.")
@guarded
def recover_command(
    from_broker: bool, data: Path, operator: Path, seconds: float, reason: str, yes: bool, expect_count: int | None
) -> None:
    """Make a lost store again: channels, directives, assignments, releases, trust documents, what devices run.

    Devices keep what they run meanwhile. The controller must not run; a store that holds a fleet is refused.
    """
    from pyv_fleet.settings import read_settings

    data = data.resolve()
    _refuse_without(data)
    settings = read_settings(data)
    with alone(data):
        asyncio.run(_recover(data, operator, settings, seconds, _Consent(reason, yes, expect_count)))
    say(f"fleet {settings.fleet}: its store is there again. Start it with\n  pyv-fleet serve --data {data}")


class _Consent:
    """What the person said beforehand."""

    def __init__(self, reason: str, yes: bool, expected: int | None) -> None:
        self.reason = reason
        self.yes = yes
        self.expected = expected

    def ask(self, operator: Path, what: str, count: int) -> None:
        from pyv_fleet.cli.consent import ask_count

        ask_count(Session(operator), what, count, yes=self.yes, expected=self.expected)


def _refuse_without(data: Path) -> None:
    missing = [name for name in NEEDED if not (data / name).exists()]
    if missing:
        raise CliError(
            f"{data}: {', '.join(missing)} missing: restore it from a backup of the keys. Without the directive key no "
            "device obeys a new controller before root signs another; without the device CA every device must be "
            "provisioned anew",
            Exit.NOT_FOUND,
        )


async def _recover(data: Path, operator: Path, settings: Settings, seconds: float, consent: _Consent) -> None:
    import datetime as dt

    from pyv_fleet.trust.authority import Authority
    from pyv_fleet.trust.root_document import anchor_of

    await _refuse_standing(data, settings)
    authority = Authority.open_or_create(data / "ca", settings.hosts, dt.datetime.now(dt.UTC))  # noqa: TID251
    with naming(data / "trust" / "1.json"):
        anchor = anchor_of((data / "trust" / "1.json").read_bytes())
    async with broker_up(data, settings, authority) as link:
        retained = await _read(link)
        found = _believed(anchor, settings.fleet, retained)
        reports = await _hear(data, settings.fleet, link, found, seconds)
    _show(found, reports)
    consent.ask(operator, "a new store is made of it", len(found.assignments))
    await _write(data, operator, settings, anchor, retained, reports, consent.reason)


async def _refuse_standing(data: Path, settings: Settings) -> None:
    """A store with a fleet in it is no lost one."""
    from pyv_fleet.settings import store_url
    from pyv_fleet.store import fleet
    from pyv_fleet.store.database import Database

    if not settings.store.url and not (data / STORE).exists():
        return
    database = await Database.open(store_url(settings, data))
    try:
        async with database.read() as connection:
            known = await fleet.get(connection)
    finally:
        await database.close()
    if known is not None:
        raise CliError(
            f"{data}: its store holds fleet {known.name!r}: it is not lost. `pyv-fleet serve` catches up by itself, "
            "also with a restored backup; move the store away if it is to be made anew",
            Exit.CONFLICT,
        )


async def _read(link: LinkSettings) -> dict[str, bytes]:
    from pyv_fleet.link.interface import LinkError
    from pyv_fleet.link.retained import ORDERS, read_retained

    try:
        return await read_retained(link, ORDERS)
    except LinkError as why:
        raise CliError(str(why)) from None


def _believed(anchor: Trust, fleet: str, retained: Mapping[str, bytes]) -> Found:
    from pyv_fleet.core.recovery import follow, sort_out

    found = sort_out(follow(anchor, retained)[0], fleet, retained)
    if not found.directives and not found.assignments:
        raise CliError(
            f"the broker holds no order of fleet {fleet!r} that its keys signed: there is nothing to recover from",
            Exit.NOT_FOUND,
        )
    return found


async def _hear(data: Path, fleet: str, link: LinkSettings, found: Found, seconds: float) -> dict[str, Report]:
    """What devices say when each shard is asked for reports; those that are told nothing by the broker among them."""
    from pyv_fleet.engine.recovery import reports_of
    from pyv_fleet.link.interface import LinkError
    from pyv_fleet.link.retained import REPORTS, Listening, read_retained
    from pyv_fleet.offline import questions
    from pyv_fleet.trust.keyfiles import read_key

    say(f"found {len(found.assignments)} devices at the broker; hearing what they hold, for {seconds:g} s at most")
    key = read_key(data / "keys" / "directive.key")
    listening = Listening(
        say=questions(fleet, found.trust.epoch, [key]),
        enough=lambda came: found.assignments.keys() <= reports_of(came).keys(),
        seconds=seconds,
    )
    try:
        return reports_of(await read_retained(link, REPORTS, listening))
    except LinkError as why:
        raise CliError(str(why)) from None


def _show(found: Found, reports: Mapping[str, Report]) -> None:
    from pyv_fleet.core.recovery import missing_releases

    for name, one in sorted(found.directives.items()):
        golden = one.order.rules[-1].release
        version = found.releases[golden].order.version if golden in found.releases else f"{golden[:12]} (not there)"
        told = sum(each.order.channel == name for each in found.assignments.values())
        say(f"channel {name}: {told} devices, release {version}, generation {one.order.generation}")
    say(f"releases: {', '.join(sorted(one.order.version for one in found.releases.values())) or 'none'}")
    known = found.assignments.keys()
    say(f"devices: {len(known)} with an assignment, {len(known & reports.keys())} of them said what they hold")
    if strangers := sorted(reports.keys() - known):
        say(f"{len(strangers)} devices speak and have no assignment there: provision them anew: {', '.join(strangers)}")
    for digest in missing_releases(found):
        say(f"release {digest} is named and not there: publish it again (pyv-fleet release publish)")
    for why in found.refused:
        say(f"not believed: {why}")
    say(LOST)


async def _write(
    data: Path,
    operator: Path,
    settings: Settings,
    anchor: Trust,
    retained: Mapping[str, bytes],
    reports: Mapping[str, Report],
    reason: str,
) -> None:
    """The new store, whole or not at all: made beside its place and renamed into it (SQLite)."""
    from pyv_fleet.settings import store_url
    from pyv_fleet.store.database import Database

    new = data / f"{STORE}.recovering"
    _remove(new)
    url = store_url(settings, data) if settings.store.url else f"sqlite+aiosqlite:///{new}"
    database = await Database.open(url)
    try:
        await _fill(database, operator, settings, anchor, retained, reports, reason)
    finally:
        await database.close()
    if not settings.store.url:
        _put_in_place(new, data / STORE)


async def _fill(
    database: Database,
    operator: Path,
    settings: Settings,
    anchor: Trust,
    retained: Mapping[str, bytes],
    reports: Mapping[str, Report],
    reason: str,
) -> None:
    from pyv_fleet.cli.founding import callers_of
    from pyv_fleet.core.recovery import sort_out
    from pyv_fleet.engine.ground import Ground
    from pyv_fleet.engine.recovery import take_orders, take_reports, take_trust
    from pyv_fleet.store import audit, fleet, tokens

    now = _now_ms()
    ground = Ground(database, _now_ms, secrets.token_bytes, settings.fleet)
    async with database.begin() as connection:
        await fleet.found(connection, settings.fleet, anchor.anchor_key.hex(), now)
    trust, _ = await take_trust(ground, anchor, retained)
    taken = await take_orders(ground, sort_out(trust, settings.fleet, retained), with_directives=True)
    await take_reports(ground, reports)
    async with database.begin() as connection:
        for caller in callers_of(operator):
            await tokens.put_api(connection, caller, now)
        said = f"{reason}: from the broker: {taken.sentence}; {len(reports)} devices reported"
        await audit.append(
            connection, now_ms=now, actor="operator", act="store.recover", subject=settings.fleet, reason=said
        )


def _put_in_place(new: Path, place: Path) -> None:
    with new.open("rb") as file:
        os.fsync(file.fileno())
    for ending in ("-wal", "-shm"):  # of an empty store that stood there
        Path(f"{place}{ending}").unlink(missing_ok=True)
    os.replace(new, place)
    sync_directory(place.parent)


def _remove(new: Path) -> None:
    """What an attempt left that was cut off."""
    for ending in ("", "-wal", "-shm"):
        Path(f"{new}{ending}").unlink(missing_ok=True)


def _now_ms() -> int:
    return time.time_ns() // 1_000_000
