"""`pyv-fleet push ssh`: the orders in force by SSH, canary first, each device asked for its own word."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from pyv_fleet.cli.consent import ask_count
from pyv_fleet.cli.filters import expect_option, label_option, labels_of, yes_option
from pyv_fleet.cli.output import Column, printable, show_list
from pyv_fleet.cli.session import Exit, Session, naming, with_session

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from pyv_fleet.core.inventory import Host
    from pyv_fleet.core.push import HostResult, Push

file_type = click.Path(path_type=Path, exists=True, dir_okay=False)
KINDS = ("auto", "toml", "ansible-ini", "ansible-yaml", "ssh-config")


@click.group()
def group() -> None:
    """Bring the orders in force to devices, without a broker."""


def _options(*options: Callable[[Any], Any]) -> Callable[[Any], Any]:
    def given(function: Any) -> Any:
        for option in reversed(options):
            function = option(function)
        return function

    return given


which_hosts = _options(
    click.argument("names", nargs=-1, metavar="[HOST]..."),
    click.option("--inventory", type=file_type, required=True, help="The hosts: our TOML, Ansible's, ~/.ssh/config."),
    click.option("--inventory-kind", type=click.Choice(KINDS), default="auto", show_default=True, help="Its form."),
    click.option("--group", "groups", multiple=True, help="Hosts of this group alone; repeat."),
    label_option,
)
which_orders = _options(
    click.option("--channel", help="The orders in force of this channel; else of each host's device."),
    click.option("--release", help="Order it first, on a --channel that no device follows over the network."),
    click.option("--reason", help="Why, for the order and the audit log; with --release."),
    click.option("--parcel", type=file_type, help="A parcel of `release export`: no controller is needed."),
    click.option("--bundle", "bundles", type=file_type, multiple=True, help="With --parcel: a bundle's archive."),
)
how_far = _options(
    click.option("--check", is_flag=True, help="Show what would change on each host; change nothing."),
    click.option("--canary", type=click.IntRange(1), default=1, show_default=True, help="Hosts that go first, alone."),
    click.option("--soak", type=click.FloatRange(0), default=30.0, show_default=True, help="Seconds to watch them."),
    click.option("--parallel", type=click.IntRange(1, 500), default=20, show_default=True, help="Hosts at one time."),
    click.option("--max-failed", type=click.IntRange(0), default=0, show_default=True, help="Failures to go on with."),
    click.option(
        "--timeout", type=click.FloatRange(1), default=300.0, show_default=True, help="Seconds a host may take."
    ),
    click.option(
        "--resume", type=click.Path(path_type=Path, dir_okay=False), help="Keep the results there; go on with it."
    ),
)
how_reached = _options(
    click.option(
        "--known-hosts", type=click.Path(path_type=Path), multiple=True, help="Instead of ~/.ssh/known_hosts."
    ),
    click.option("--accept-new", is_flag=True, help="Record the key of a host that has none yet; never a changed one."),
    click.option("--identity", "identities", type=file_type, multiple=True, help="A private key; else the usual ones."),
    click.option("--ssh-config", type=click.Path(path_type=Path), help="Instead of ~/.ssh/config."),
    click.option("--connect-timeout", type=click.FloatRange(1), default=15.0, show_default=True, help="Seconds."),
)


@group.command()
@which_hosts
@which_orders
@how_far
@how_reached
@yes_option
@expect_option
@with_session
def ssh(session: Session, /, **given: Any) -> None:
    """Bring the orders in force to the hosts of an inventory: what `pyv-edge-agent apply` takes there.

    One host goes first, alone, and is watched for a while; then the others, a few at a time. A host counts as done when
    its device says so: with the release, the config hash and the start of the agent that runs it.

    Exit status: 0 every host runs what was ordered, 9 some do not, 7 it was stopped (a canary is not good, or too many
    failed); with --check 0 nothing would change, 3 something would, 9 some could not be asked.
    """
    from tempfile import TemporaryDirectory

    from pyv_fleet.cli import push_orders, push_run

    hosts = _hosts(given)
    with TemporaryDirectory(prefix="pyv-push-") as room:
        loads = push_orders.loads_of(session, hosts, push_orders.Asked.of(given), Path(room))
        run = push_run.Run(session, hosts, loads, push_run.terms_of(given))
        if given["check"]:
            show_check(session, run.check())
            return
        said = f"push {push_orders.described(loads)} by SSH to {len(hosts)} hosts; still to do"
        with run.kept(given["resume"], push_orders.generations(loads)) as left:
            ask_count(session, said, left, yes=given["yes"], expected=given["expect_count"])
            show(session, run.run())


def _hosts(given: dict[str, Any]) -> Sequence[Host]:
    from pyv_fleet.core.inventory import chosen, kind_of, read_inventory
    from pyv_fleet.core.words import InventoryKind

    path, said = given["inventory"], given["inventory_kind"]
    kind = kind_of(str(path)) if said == "auto" else InventoryKind(said)
    with naming(path):
        inventory = read_inventory(path.read_text(encoding="utf-8", errors="replace"), kind)
        found = chosen(inventory, names=given["names"], groups=given["groups"], labels=labels_of(given["labels"]))
    for note in inventory.notes:
        click.echo(f"{path}: {note}", err=True)
    return found


def show(session: Session, push: Push) -> None:
    """The results, and the exit status that they come to."""
    from pyv_fleet.core.push import closed

    results = closed(push)
    show_list(session, results, _COLUMNS)
    if push.halted is not None:
        session.say(f"stopped: {printable(push.halted)}")
        session.leave(Exit.ROLLOUT_FAILED)
    session.leave(Exit.OK if all(one.state.good for one in results) else Exit.PARTLY_FAILED)


def show_check(session: Session, push: Push) -> None:
    """What would change on each host, and the exit status."""
    from pyv_fleet.core.words import HostState

    results = [push.results[name] for name in push.order]
    show_list(session, results, _CHECK_COLUMNS)
    states = {one.state for one in results}
    if not states <= {HostState.UNCHANGED, HostState.DIFFERENT}:
        session.leave(Exit.PARTLY_FAILED)
    session.leave(Exit.DRIFT if HostState.DIFFERENT in states else Exit.OK)


def _changes(result: HostResult) -> str:
    seen = result.changes or ()
    return "; ".join(f"{one.path or 'all'}: {one.now or 'nothing'} -> {one.then or 'nothing'}" for one in seen)


_COLUMNS = (
    Column("host", lambda r: r.host),
    Column("state", lambda r: r.state),
    Column("device", lambda r: r.device),
    Column("release", lambda r: r.release),
    Column("hash", lambda r: r.config_hash and r.config_hash[:12]),
    Column("boot", lambda r: r.boot_id and r.boot_id[:8]),
    Column("health", lambda r: r.health),
    Column("seconds", lambda r: r.seconds),
    Column("detail", lambda r: r.detail),
)
_CHECK_COLUMNS = (
    Column("host", lambda r: r.host),
    Column("state", lambda r: r.state),
    Column("device", lambda r: r.device),
    Column("release", lambda r: r.release),
    Column("changes", _changes),
    Column("detail", lambda r: r.detail),
)
