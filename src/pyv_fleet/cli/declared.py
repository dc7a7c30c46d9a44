"""`pyv-fleet apply | diff | get | delete`: channels, groups, policies and rollouts as files, kept in git."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, Final

import click

from pyv_fleet.cli.consent import ask_count
from pyv_fleet.cli.declared_acts import Outcome, checked, outcome_of, perform
from pyv_fleet.cli.declared_files import read_documents
from pyv_fleet.cli.declared_fleet import fleet_of, rollouts_named
from pyv_fleet.cli.filters import expect_option, reason_option, yes_option
from pyv_fleet.cli.output import Column, show_list
from pyv_fleet.cli.session import CliError, Exit, Session, with_session
from pyv_fleet.core.words import DocumentKind

if TYPE_CHECKING:
    from pyv_fleet.core.declared.documents import Declared
    from pyv_fleet.core.declared.planning import Fleet, Step
    from pyv_fleet.core.differences import Change

ALL: Final = "all"
#: as a person may write them: Channel, channel, channels
KINDS: Final = {
    **{word: kind for kind in DocumentKind for word in (kind.lower(), f"{kind.lower()}s")},
    "policies": DocumentKind.POLICY,
}
files_option = click.option(
    "-f", "--file", "files", multiple=True, required=True, metavar="FILE|DIR|-",
    help="YAML or JSON documents; a folder with all below it, - for standard input; repeat.",
)  # fmt: skip


@click.command()
@files_option
@reason_option
@click.option("--dry-run", is_flag=True, help="Only say what it would do.")
@with_session
def apply(session: Session, files: Sequence[str], reason: str, dry_run: bool) -> None:
    """Make channels, groups, policies and rollouts what files say; the same again changes nothing.

    A document is whole: what it does not name has its default. All are checked before anything is done, then policies,
    channels, groups and rollouts are set in this order, each held to what was seen. Values of groups go out by their
    steps, releases by rollouts alone. What no file names stays: see `pyv-fleet delete`.
    """
    steps = _planned(session, files, reason)
    if dry_run:
        show_list(session, [outcome_of(step) for step in steps], _OUTCOMES)
        return
    outcomes, code = perform(session.client, steps, reason)
    _ended(session, outcomes, code)


@click.command()
@files_option
@with_session
def diff(session: Session, files: Sequence[str]) -> None:
    """What `apply` would change, by key path, secrets hidden. Exits 0 if nothing, 3 if anything."""
    steps = _planned(session, files, "diff", reading=True)
    different = [outcome_of(step) for step in steps if step.acts]
    if session.format in ("table", "csv"):
        show_list(session, [row for one in different for row in _rows(one)], _CHANGES)
    else:
        show_list(session, different, _OUTCOMES)
    if different:
        session.leave(Exit.DRIFT)


@click.command()
@click.argument("kind")
@click.argument("names", nargs=-1)
@with_session
def get(session: Session, kind: str, names: Sequence[str]) -> None:
    """Documents as `apply` takes them: `get all -o yaml`, `get channel stable -o yaml`.

    KIND is policy, channel, group, rollout (those that have a name) or all. What has its default is not written.
    """
    from pyv_fleet.core.declared.documents import plain
    from pyv_fleet.core.declared.planning import with_versions

    fleet, found = _selected(session, kind, names)
    documents = [plain(one.kind, one.name, with_versions(one.spec, fleet.versions)) for one in found]
    if session.format == "yaml":
        from pyv_fleet.core.declared.text import written

        click.echo(written(documents), nl=False)
    else:
        show_list(session, documents, _DOCUMENTS)


@click.command()
@click.option("-f", "--file", "files", multiple=True, metavar="FILE|DIR|-", help="What these documents name; repeat.")
@click.argument("kind", required=False)
@click.argument("names", nargs=-1)
@reason_option
@yes_option
@expect_option
@with_session
def delete(
    session: Session, files: Sequence[str], kind: str | None, names: Sequence[str], reason: str, yes: bool,
    expect_count: int | None,
) -> None:  # fmt: skip
    """Take away what files name, or `delete KIND NAME…`; the count is of documents.

    A channel that has devices or ever ordered, a policy that a channel names, and a rollout that has not ended stay. A
    group loses its labels at once, its values in steps. A rollout that ended lets go of its name; its history stays.
    """
    from pyv_fleet.core.declared.planning import plan_deletion

    if bool(files) == (kind is not None) or (kind is not None and not names):
        raise click.UsageError("say -f FILE, or KIND NAME")
    documents = read_documents(files) if files else _selected(session, str(kind), names)[1]
    wanted = [one.name for one in documents if one.kind is DocumentKind.ROLLOUT]
    steps = _refusing(lambda: plan_deletion(documents, fleet_of(session.client, wanted)))
    going = [step for step in steps if step.acts]
    for step in going:
        session.say(f"{step.document.title}{': ' + step.note if step.note else ''}")
    if going:
        ask_count(session, "these go", len(going), yes=yes, expected=expect_count, noun="document")
    outcomes, code = perform(session.client, steps, reason)
    _ended(session, outcomes, code)


def _planned(session: Session, files: Sequence[str], reason: str, *, reading: bool = False) -> tuple[Step, ...]:
    """What applying the files would do; nothing is done. Everything that is wrong is said before."""
    from pyv_fleet.core.declared.planning import plan, releases_named

    documents = read_documents(files)
    wanted = [one.name for one in documents if one.kind is DocumentKind.ROLLOUT]
    fleet = fleet_of(session.client, wanted, releases_named(one.spec for one in documents))
    return checked(session.client, _refusing(lambda: plan(documents, fleet)), reason, reading=reading)


def _refusing(planned: Callable[[], tuple[Step, ...]]) -> tuple[Step, ...]:
    from pyv_fleet.core.declared.planning import PlanRefused

    try:
        return planned()
    except PlanRefused as why:
        code = Exit.CONFLICT if why.conflict else Exit.NOT_FOUND
        raise CliError("\n  ".join(["refused, and nothing was done:", *why.errors]), code) from None


def _selected(session: Session, kind: str, names: Sequence[str]) -> tuple[Fleet, list[Declared]]:
    """What stands of a kind, or of all, by name; CliError for a name that is not there."""
    from pyv_fleet.core.declared.documents import Declared

    kinds = _kinds(kind)
    if kind.lower() == ALL and names:
        raise click.UsageError("all takes no name")
    rollouts = (names or rollouts_named(session.client)) if DocumentKind.ROLLOUT in kinds else ()
    fleet = fleet_of(session.client, rollouts)
    found = []
    for one in kinds:
        standing = fleet.standing[one]
        missing = [name for name in names if name not in standing]
        if missing:
            said = f"no such {one.lower()}: {missing[0]!r}; `pyv-fleet get {one.lower()}` lists them"
            raise CliError(said, Exit.NOT_FOUND)
        there = [name for name, stands in standing.items() if not stands.leaving]
        found += [Declared(one, name, standing[name].spec) for name in dict.fromkeys(names or there)]
    return fleet, found


def _kinds(word: str) -> tuple[DocumentKind, ...]:
    if word.lower() == ALL:
        return tuple(DocumentKind)
    if word.lower() not in KINDS:
        raise click.UsageError(f"{word!r} is none of {', '.join(kind.lower() for kind in DocumentKind)}, {ALL}")
    return (KINDS[word.lower()],)


def _ended(session: Session, outcomes: Sequence[Outcome], code: int) -> None:
    show_list(session, outcomes, _OUTCOMES)
    if code:
        session.say("not all was done; what was done stands, and the same command goes on from there")
        session.leave(Exit(code))


def _rows(one: Outcome) -> Iterator[tuple[Outcome, Change | None]]:
    """A row for each path; one that is made with nothing but defaults has none."""
    yield from ((one, change) for change in one.changes or (None,))


_OUTCOMES: Final = (
    Column("document", lambda o: f"{o.kind.lower()}/{o.name}"),
    Column("act", lambda o: o.act),
    Column("changed", lambda o: [change.pointer for change in o.changes]),
    Column("note", lambda o: o.note),
)
_CHANGES: Final = (
    Column("document", lambda r: f"{r[0].kind.lower()}/{r[0].name}"),
    Column("act", lambda r: r[0].act),
    Column("path", lambda r: r[1] and r[1].pointer),
    Column("now", lambda r: r[1] and r[1].before),
    Column("declared", lambda r: r[1] and r[1].after),
    Column("note", lambda r: r[0].note),
)
_DOCUMENTS: Final = (
    Column("kind", lambda d: d["kind"]),
    Column("name", lambda d: d["metadata"]["name"]),
    Column("says", lambda d: list(d["spec"])),
)
