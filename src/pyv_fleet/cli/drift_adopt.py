"""`pyv-fleet drift adopt`: a device's own change becomes its own values, or files for a release."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import click

from pyv_fleet.cli import bundles
from pyv_fleet.cli.consent import ask_count
from pyv_fleet.cli.filters import expect_option, why, yes_option
from pyv_fleet.cli.output import Column, show_list, show_one
from pyv_fleet.cli.session import CliError, Exit, Session, with_session

if TYPE_CHECKING:
    from pyv_fleet.core.views import AdoptionView

BUNDLE: Final = "bundle.tar.gz"


@click.command()
@click.argument("device_id")
@click.option("--check", is_flag=True, help="Only show what it would be; exits 3, for the device drifted.")
@click.option("--out", type=click.Path(path_type=Path), help="Write files for `release build` instead; a new folder.")
@click.option("--partly", is_flag=True, help="Though some keys cannot be taken over: the device writes over them.")
@click.option("--reason", callback=why, help="Why; needed to change anything.")
@yes_option
@expect_option
@with_session
def adopt(
    session: Session, device_id: str, check: bool, out: Path | None, partly: bool, reason: str | None, yes: bool,
    expect_count: int | None,
) -> None:  # fmt: skip
    """Take over what was changed on a device, instead of writing over it.

    What its release opens becomes the device's own values. All else needs a new release, which only the release key
    signs: --out writes the files for it. Secrets are never taken over.
    """
    from pyv_fleet.core.views import AdoptBody

    found = session.client.adoption(device_id)
    _show(session, found)
    if check:
        session.leave(Exit.DRIFT)
    if out is not None:
        _write(session, found, out)
        return
    if reason is None:
        raise click.UsageError("--reason is needed to change anything; it stands in the audit log")
    _refuse_part(found, partly)
    ask_count(session, "its own change becomes the device's own values", 1, yes=yes, expected=expect_count)
    session.client.adopt(device_id, AdoptBody(reason=reason, live_hash=found.live_hash, partly=partly))
    session.say(f"{device_id}: done; `pyv-fleet device overlay {device_id}` shows its own values")


def _show(session: Session, found: AdoptionView) -> None:
    if session.format == "table":
        show_list(session, found.keys, _COLUMNS)
    else:
        show_one(session, found, (Column("device", lambda f: f.device_id),))
    for one in found.keys:
        if one.why:
            session.say(f"{one.pointer}: {one.why}")


def _refuse_part(found: AdoptionView, partly: bool) -> None:
    from pyv_fleet.core.words import AdoptWay

    closed = [one.pointer for one in found.keys if one.way is AdoptWay.RELEASE]
    others = [one.pointer for one in found.keys if one.way is not AdoptWay.OWN]
    if others and (not partly or len(others) == len(found.keys)):
        hint = f"; --out DIR writes files for a release that changes {', '.join(closed)}" if closed else ""
        raise CliError(
            f"release {found.version} does not let the device keep {', '.join(others)}: nothing was done{hint}",
            Exit.CONFLICT,
        )


def _write(session: Session, found: AdoptionView, out: Path) -> None:
    """A directory that `release build` takes: the release as it is, and the change as layers over it."""
    from pyv_fleet.core.adopted_release import adopted_files
    from pyv_fleet.durable import write_durably
    from pyvorin_edge.envelope import open_envelope
    from pyvorin_edge.orders import Release, decode_order

    if out.exists() and any(out.iterdir()):
        raise CliError(f"{out}: something is there: name a new folder", Exit.CONFLICT)
    release = decode_order(open_envelope(session.client.release_envelope(found.release)).payload, Release)
    bundle = None if release.bundle is None else BUNDLE
    files = adopted_files(found, release, session.client.blob(release.config.sha256), bundle)
    for path, data in files.items():
        (out / path).parent.mkdir(parents=True, exist_ok=True)
        write_durably(out / path, data, mode=0o644)
    if release.bundle is not None:
        bundles.fetch_to(session, release.bundle, out).rename(out / BUNDLE)
    for line in _next_steps(found, out, f"layers/device/{found.device_id}.json" in files):
        session.say(line)


def _next_steps(found: AdoptionView, out: Path, assigned: bool) -> list[str]:
    built = f"{out}.release"
    lines = [
        f"{out}: look at it, then",
        f"  pyv-fleet release build {out} --out {built}",
        f"  pyv-fleet release sign {built} && pyv-fleet release upload {built}",
        f"  pyv-fleet rollout create --channel {found.channel} --release VERSION --reason WHY (all its devices), or",
        f"  pyv-fleet device pin {found.device_id} --release VERSION --reason WHY (this one)",
    ]
    if assigned:
        lines.append(f"  pyv-fleet release assign {built} --reason WHY (the device's own values)")
    return lines


_COLUMNS: Final[tuple[Any, ...]] = (
    Column("key", lambda k: k.pointer),
    Column("golden", lambda k: k.golden),
    Column("live", lambda k: k.live),
    Column("becomes", lambda k: k.way),
)
