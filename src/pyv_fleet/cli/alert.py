"""`pyv-fleet alert`: what holds, who has seen it, what is muted, and the rules."""

from __future__ import annotations

import itertools
import tomllib
from pathlib import Path
from typing import TYPE_CHECKING

import click

from pyv_fleet.cli.filters import reason_option, span_of
from pyv_fleet.cli.output import Column, show_list, show_one
from pyv_fleet.cli.session import CliError, Exit, Session, with_session

if TYPE_CHECKING:
    from pyv_fleet.core.alert_rules import AlertRule

limit_option = click.option("--limit", type=click.IntRange(1), default=100, show_default=True, help="How many at most.")


@click.group()
def group() -> None:
    """Alerts: what holds, its rules, who is told."""


@group.command("list")
@click.option("--firing", is_flag=True, help="Only what holds now.")
@click.option("--name", help="Only alerts of this name.")
@limit_option
@with_session
def list_(session: Session, firing: bool, name: str | None, limit: int) -> None:
    """Alerts, the newest first."""
    from pyv_fleet.core.words import AlertState

    found = session.client.alerts(state=AlertState.FIRING if firing else None, name=name)
    show_list(session, list(itertools.islice(found, limit)), _COLUMNS, paged=True)


@group.command()
@click.argument("alert_id")
@with_session
def show(session: Session, alert_id: str) -> None:
    """One alert with all that is known of it."""
    show_one(session, session.client.alert(alert_id), _FIELDS)


@group.command()
@click.argument("alert_id")
@reason_option
@with_session
def acknowledge(session: Session, alert_id: str, reason: str) -> None:
    """Say that you have seen it: nobody is told of it again and again.

    An alert ends with its cause. One that tells of something that happened (an emergency release, a foreign directive,
    a refused enrolment, what befell the broker, what a device of the article posted) ends with this.
    """
    show_one(session, session.client.acknowledge(alert_id, reason), _FIELDS)


@group.command()
@click.option("--alert", "names", multiple=True, metavar="NAME", help="Alerts of this name; repeat for several.")
@click.option("--device", "device_ids", multiple=True, metavar="DEVICE", help="Of this device; repeat for several.")
@click.option("-l", "--where", "where", multiple=True, metavar="LABEL=VALUE[,VALUE]", help="Of devices so labelled.")
@click.option("--everything", is_flag=True, help="All alerts there are.")
@click.option("--for", "seconds", required=True, callback=span_of, metavar="SPAN", help="How long: 30m, 8h, 2d.")
@reason_option
@with_session
def silence(
    session: Session,
    names: tuple[str, ...],
    device_ids: tuple[str, ...],
    where: tuple[str, ...],
    everything: bool,
    seconds: int,
    reason: str,
) -> None:
    """Tell nobody of some alerts for a while. They hold and show all the same; that they end is told.

    All that is said must fit: --alert unreachable --where site=berlin.
    """
    from pyv_fleet.core.selectors import parse_where
    from pyv_fleet.core.silences import Matcher

    matcher = Matcher(names=names, device_ids=device_ids, where=parse_where(where), everything=everything)
    if not matcher.says_something:
        raise CliError("say which alerts: --alert, --device, --where; or --everything alone", Exit.USAGE)
    show_one(session, session.client.silence(matcher, seconds, reason), _SILENCE_COLUMNS)


@group.command()
@click.argument("silence_id")
@reason_option
@with_session
def unsilence(session: Session, silence_id: str, reason: str) -> None:
    """End a silence before its time; what still holds is told then."""
    show_one(session, session.client.end_silence(silence_id, reason), _SILENCE_COLUMNS)


@group.command()
@limit_option
@with_session
def silences(session: Session, limit: int) -> None:
    """Silences, the newest first."""
    show_list(session, list(itertools.islice(session.client.silences(), limit)), _SILENCE_COLUMNS, paged=True)


@group.command()
@with_session
def rules(session: Session) -> None:
    """Every rule in force, and how many alerts of it hold."""
    show_list(session, session.client.alert_rules(), _RULE_COLUMNS)


@group.group()
def rule() -> None:
    """One rule: show, set, delete."""


@rule.command("show")
@click.argument("name")
@with_session
def rule_show(session: Session, name: str) -> None:
    """One rule; -o yaml shows it whole."""
    show_one(session, session.client.alert_rule(name), _RULE_FIELDS)


@rule.command("set")
@click.argument("name")
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@reason_option
@with_session
def rule_set(session: Session, name: str, file: Path, reason: str) -> None:
    """Make a rule, or set all of it, from a TOML file; under a built-in rule's name it takes that one's place.

    What the file does not say takes its default. Alerts that the rule had before end.
    """
    show_one(session, session.client.put_alert_rule(name, _read(file), reason), _RULE_FIELDS)


@rule.command("delete")
@click.argument("name")
@reason_option
@with_session
def rule_delete(session: Session, name: str, reason: str) -> None:
    """Take a rule away, and its alerts; a built-in one of that name holds again."""
    session.client.delete_alert_rule(name, reason)
    session.say(f"rule {name} is gone")


@group.command()
@with_session
def sinks(session: Session) -> None:
    """Who is told of alerts, and how it goes with each; they stand in the controller's fleet.toml."""
    show_list(session, session.client.sinks(), _SINK_COLUMNS)


@group.command()
@click.argument("sink")
@with_session
def test(session: Session, sink: str) -> None:
    """Send a sink something harmless now; exit 1 if it did not take it."""
    found = session.client.test_sink(sink)
    show_one(session, found, _TEST_FIELDS)
    if not found.taken:
        session.leave(Exit.ERROR)


def _read(file: Path) -> AlertRule:
    from pyv_fleet.core.alert_rules import RuleError, rule_of

    try:
        return rule_of(tomllib.loads(file.read_text(encoding="utf-8")))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, RuleError) as why:
        raise CliError(f"{file}: {why}", Exit.USAGE) from None


def _words(rule: AlertRule) -> str:
    from pyv_fleet.core.alert_rules import in_words

    return in_words(rule.when)


def _seen(alert: object) -> str:
    by = getattr(alert, "acknowledged_by", None)
    return "silenced" if getattr(alert, "silenced_by", None) else f"seen by {by}" if by else ""


_COLUMNS = (
    Column("id", lambda a: a.id),
    Column("raised", lambda a: a.raised_at),
    Column("alert", lambda a: a.name),
    Column("of", lambda a: a.subject or a.device_id),
    Column("severity", lambda a: a.severity),
    Column("state", lambda a: a.state),
    Column("seen", _seen),
    Column("detail", lambda a: a.detail),
    Column("verified", lambda a: a.verified),
)
_FIELDS = (
    *_COLUMNS,
    Column("code", lambda a: a.code),
    Column("labels", lambda a: [f"{key}={value}" for key, value in a.labels.items()]),
    Column("resolved", lambda a: a.resolved_at),
    Column("acknowledged", lambda a: a.acknowledged_at),
    Column("because", lambda a: a.acknowledged_reason),
    Column("silence", lambda a: a.silenced_by),
)
_SILENCE_COLUMNS = (
    Column("id", lambda s: s.id),
    Column("mutes", lambda s: str(s.matcher)),
    Column("from", lambda s: s.begins_at),
    Column("until", lambda s: s.ends_at),
    Column("in force", lambda s: s.in_force),
    Column("by", lambda s: s.made_by),
    Column("why", lambda s: s.reason),
)
_SINK_COLUMNS = (
    Column("sink", lambda s: s.name),
    Column("kind", lambda s: s.kind),
    Column("place", lambda s: s.place),
    Column("from", lambda s: s.least),
    Column("waiting", lambda s: s.waiting),
    Column("sent", lambda s: s.sent),
    Column("given up", lambda s: s.dead),
    Column("failures", lambda s: s.failures),
    Column("why", lambda s: s.error),
)
_TEST_FIELDS = (
    Column("sink", lambda s: s.name),
    Column("taken", lambda s: s.taken),
    Column("detail", lambda s: s.detail),
)
_RULE_COLUMNS = (
    Column("rule", lambda r: r.name),
    Column("when", lambda r: _words(r.rule)),
    Column("for (s)", lambda r: r.rule.for_seconds),
    Column("severity", lambda r: r.rule.severity),
    Column("grouped by", lambda r: None if r.rule.correlate is None else r.rule.correlate.label),
    Column("enabled", lambda r: r.rule.enabled),
    Column("built in", lambda r: r.built_in),
    Column("firing", lambda r: r.firing),
)
_RULE_FIELDS = (
    *_RULE_COLUMNS,
    Column("about", lambda r: r.rule.about),
    Column("clear for (s)", lambda r: r.rule.clear_for_seconds),
    Column("channel", lambda r: r.rule.channel),
    Column("where", lambda r: [f"{key}={','.join(values)}" for key, values in r.rule.where.items()]),
    Column("changed by", lambda r: r.changed_by),
    Column("changed", lambda r: r.changed_at),
)
