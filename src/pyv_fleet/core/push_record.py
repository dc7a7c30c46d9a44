"""A push's record in words: one line for what is pushed, one a result. What was cut off at its end never happened."""

from __future__ import annotations

import json
from typing import Annotated, Final

import msgspec
from msgspec import Meta

from pyv_fleet.core.push import HostResult, PushError
from pyv_fleet.core.words import HostState

FORM: Final = "pyvorin-push-1"


class Subject(msgspec.Struct, frozen=True, kw_only=True):
    """What is pushed: a record of another subject is not gone on with."""

    form: Annotated[str, Meta(max_length=64)] = FORM
    #: of each channel that the orders are of
    generations: dict[str, int]


class Record(msgspec.Struct, frozen=True, kw_only=True):
    """What a record says: the last result of each host, and whether the canaries proved it."""

    subject: Subject
    results: dict[str, HostResult] = {}
    proved: bool = False


class _Line(msgspec.Struct, frozen=True, omit_defaults=True):
    subject: Subject | None = None
    result: HostResult | None = None
    proved: bool = False


def subject_line(subject: Subject) -> bytes:
    """The first line."""
    return _line(_Line(subject=subject))


def result_line(result: HostResult) -> bytes:
    """A host's result. The differences of a check are not kept."""
    return _line(_Line(result=msgspec.structs.replace(result, changes=None)))


def proved_line() -> bytes:
    """The canaries took it and stayed well."""
    return _line(_Line(proved=True))


def read_record(data: bytes) -> tuple[Record, int]:
    """The record, and how many bytes of it are whole lines; PushError if it is none."""
    whole = data[: data.rfind(b"\n") + 1]
    subject: Subject | None = None
    results: dict[str, HostResult] = {}
    proved = False
    for number, text in enumerate(whole.splitlines(), 1):
        try:
            line = msgspec.json.decode(text, type=_Line)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as why:
            raise PushError(f"line {number}: {why}; it is no record of a push") from None
        subject = subject or line.subject
        proved = proved or line.proved
        if line.result is not None:
            results[line.result.host] = line.result
    if subject is None or subject.form != FORM:
        raise PushError("it is no record of a push")
    return Record(subject=subject, results=results, proved=proved), len(whole)


def left_alone(record: Record, subject: Subject) -> dict[str, HostResult]:
    """The results that stand for this push: good ones. PushError if the record is of other orders."""
    if record.subject != subject:
        was, now = (json.dumps(one.generations, sort_keys=True) for one in (record.subject, subject))
        raise PushError(f"it is of other orders ({was}; these are {now}): name another file, which begins anew")
    good = {name: one for name, one in record.results.items() if one.state.good}
    return {
        name: msgspec.structs.replace(one, state=HostState.UNCHANGED, detail="done before")
        for name, one in good.items()
    }


def _line(line: _Line) -> bytes:
    return msgspec.json.encode(line) + b"\n"
