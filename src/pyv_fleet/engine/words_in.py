"""Reports, beats and presences out of bytes, bound to the device whose topic they came on. Pure."""

from __future__ import annotations

from typing import NamedTuple

from pyvorin_edge import topics, wire
from pyvorin_edge.errors import IdentityError, WireError
from pyvorin_edge.identity import parse_device_id
from pyvorin_edge.report import Beat, Presence, Report

COUNTER_MAX = 2**63 - 1
SMALL_MAX = 2**31 - 1
BEAT_BYTES_MAX = 512
PRESENCE_BYTES_MAX = 1024


class Polled(NamedTuple):
    """It asked for its orders over HTTP: a device without MQTT sends no beats (PROTOCOL 9)."""


class Word(NamedTuple):
    """What a device said."""

    device_id: str
    said: Report | Beat | Presence | Polled
    retained: bool


def parse_word(topic: str, payload: bytes, *, retained: bool) -> Word | str:
    """The word, or why it is dropped (a short reason to count by)."""
    parsed = topics.parse(topic)
    if parsed is None:
        return "foreign topic"
    try:
        parse_device_id(parsed.name)
        match parsed.kind:
            case topics.Kind.REPORT:
                report = parse_report(parsed.name, payload)
                return "bad report" if isinstance(report, str) else Word(parsed.name, report, retained)
            case topics.Kind.BEAT:
                beat = wire.decode(payload, Beat, limit_bytes=BEAT_BYTES_MAX)
                sane = _sane(beat.b, beat.c, beat.s, beat.of, beat.m[4] or 0)
                return Word(parsed.name, beat, retained) if sane else "bad beat"
            case topics.Kind.PRESENCE:
                return _presence(parsed.name, payload, retained=retained)
            case _:
                return "foreign topic"
    except (WireError, IdentityError):
        return f"bad {parsed.kind}"


def parse_report(device_id: str, payload: bytes) -> Report | str:
    """The report of that device, or what is wrong with it."""
    try:
        report = wire.decode(payload, Report, limit_bytes=wire.REPORT_BYTES_MAX)
    except WireError as why:
        return str(why)
    if report.device_id != device_id:
        return f"device_id: it says {report.device_id!r} and came from {device_id!r}"
    if not _sane(*_counters(report)) or not _sane(*_small(report), most=SMALL_MAX):
        return "a counter or time is negative, or larger than it can be"
    return report


def _presence(device_id: str, payload: bytes, *, retained: bool) -> Word | str:
    if not payload:
        return "empty presence"
    said = wire.decode(payload, Presence, limit_bytes=PRESENCE_BYTES_MAX)
    if said.device_id != device_id or not _sane(said.boot, said.conn):
        return "bad presence"
    return Word(device_id, said, retained)


def _counters(report: Report) -> tuple[int, ...]:
    own = (report.boot, report.conn, report.seq, report.at, report.epoch, report.generation, report.number)
    target = () if report.target is None else (report.target.attempt,)
    result = () if report.result is None else (report.result.attempt, report.result.at)
    return (*own, report.floor, report.drift.since or 0, *target, *result)


def _small(report: Report) -> tuple[int, ...]:
    return report.incarnation, report.trust, report.drift.more


def _sane(*counters: int, most: int = COUNTER_MAX) -> bool:
    """What the store can hold: one impossible number must not keep a whole batch from being stored."""
    return all(0 <= counter <= most for counter in counters)
