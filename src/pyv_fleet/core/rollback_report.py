"""A rollback's report in Markdown: what a person keeps, or pastes into a ticket."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from pyv_fleet.core.views import RollbackChannel, RollbackDevice, RollbackReport, RollbackView
from pyv_fleet.core.words import ReturnStanding

_CELL: Final = str.maketrans({"|": "\\|", "\n": " ", "\r": " "})


def markdown_of(report: RollbackReport) -> str:
    """All of it: who ordered what and why, the message of each channel, the counts, each device."""
    seen = report.rollback
    away = [one for one in report.devices if not one.online and one.standing is not ReturnStanding.BACK]
    missing = [one for one in report.devices if one.online and one.standing is not ReturnStanding.BACK]
    back = [one for one in report.devices if one.standing is ReturnStanding.BACK]
    parts = [
        _head(seen),
        _table(("channel", "from", "to", "generation", "message SHA-256", "rollout that ended"),
               [_channel(one) for one in seen.channels]),
        _section("Not back, though online when it was ordered", "cause", [_missing(one) for one in missing]),
        _section("Not online when it was ordered: they meet it on return", "cause", [_missing(one) for one in away]),
        _section("Back", "seconds", [_back(one) for one in sorted(back, key=lambda one: one.seconds or 0.0)]),
    ]  # fmt: skip
    return "\n".join(part for part in parts if part)


def cause_of(device: RollbackDevice) -> str:
    """Why a device is not back, in one line: the word, its detail, since when."""
    since = f" since {device.since.isoformat(timespec='seconds').replace('+00:00', 'Z')}" if device.since else ""
    match device.standing:
        case ReturnStanding.MOVING:
            return f"still moving: {device.cause}"
        case ReturnStanding.UNHEARD:
            return f"never heard the order{f' ({device.cause})' if device.cause else ''}"
        case ReturnStanding.FAILED:
            return device.cause
        case ReturnStanding.AWAY:
            return f"away{since}: meets it on return"
        case _:
            return f"{device.standing}{since}{f': {device.cause}' if device.cause else ''}"


def whom(seen: RollbackView) -> str:
    """What a rollback is about, in words: `channels a, b, devices with site=berlin`."""
    names = ", ".join(one.channel for one in seen.channels)
    chosen = f", devices with {seen.selector}" if seen.selector else ""
    return f"channel{'' if len(seen.channels) == 1 else 's'} {names}{chosen}"


def _head(seen: RollbackView) -> str:
    lines = [
        f"# Rollback {seen.id} to {seen.to_version}",
        "",
        f"- {seen.state}: {seen.state.sentence}",
        f"- ordered {seen.started_at.isoformat(timespec='seconds').replace('+00:00', 'Z')} by {_cell(seen.created_by)}",
        f"- reason: {_cell(seen.reason)}",
        f"- {whom(seen)}",
        f"- devices: {seen.devices}, of them online when it was ordered: {seen.online}; "
        f"pinned or quarantined, so not meant: {seen.exempt}",
        f"- acknowledged: {seen.online_acknowledged} of {seen.online} that were online, {seen.acknowledged} in all",
    ]
    if seen.first_seconds is not None:
        lines.append(
            f"- seconds to the first, median and last acknowledgement: {seen.first_seconds:.2f}, "
            f"{seen.median_seconds:.2f}, {seen.last_seconds:.2f}"
        )
    return "\n".join(lines) + "\n"


def _channel(one: RollbackChannel) -> tuple[str, ...]:
    was = ", ".join(f"{version} ({count})" for version, count in one.was.items())
    return (one.channel, was, one.version, str(one.generation), one.message_sha256, one.superseded or "-")


def _section(title: str, head: str, rows: Sequence[Sequence[str]]) -> str:
    return f"## {title} ({len(rows)})\n\n{_table(('device', 'channel', head), rows)}" if rows else ""


def _missing(one: RollbackDevice) -> tuple[str, ...]:
    return (one.device_id, one.channel, cause_of(one))


def _back(one: RollbackDevice) -> tuple[str, ...]:
    return (one.device_id, one.channel, "-" if one.seconds is None else f"{one.seconds:.2f}")


def _table(heads: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = [_row(heads), _row(["---"] * len(heads)), *(_row([_cell(text) for text in row]) for row in rows)]
    return "\n".join(lines) + "\n"


def _row(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"


def _cell(text: str) -> str:
    """A cell of a table: what a device says may break out of it no more than out of a line."""
    return "".join(c if c.isprintable() else "\ufffd" for c in text.translate(_CELL))
