"""Data on stdout: a table for people, json, jsonl, yaml, csv for programs. Rich is loaded only to draw."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping, Sequence
from operator import itemgetter
from typing import Any, NamedTuple

import click

from pyv_fleet.cli.session import Session


class Column(NamedTuple):
    """A column's head, and its text for one row."""

    head: str
    text: Callable[[Any], object]


def columns_of(mapping: Mapping[str, object]) -> tuple[Column, ...]:
    """A column for each key of a plain mapping."""
    return tuple(Column(key, itemgetter(key)) for key in mapping)


def show_list(session: Session, rows: Sequence[Any], columns: Sequence[Column], *, paged: bool = False) -> None:
    """Rows of structs; `paged` writes json as the API's own page, {"items": […], "total": n}."""
    match session.format:
        case "json" | "yaml":
            _write(session.format, {"items": list(rows), "total": len(rows)} if paged else list(rows))
        case "jsonl":
            for row in rows:
                write_line(row)
        case "csv":
            _csv([column.head for column in columns], _cells(rows, columns, nothing=""))
        case _:
            _table([column.head for column in columns], _cells(rows, columns))


def show_one(session: Session, value: Any, fields: Sequence[Column]) -> None:
    """One struct: its fields below each other."""
    match session.format:
        case "json" | "yaml":
            _write(session.format, value)
        case "jsonl":
            write_line(value)
        case "csv":
            _csv([field.head for field in fields], _cells([value], fields, nothing=""))
        case _:
            width = max(len(field.head) for field in fields)
            for field in fields:
                click.echo(f"{field.head.ljust(width)}  {_text(field.text(value))}")


def write_line(value: Any) -> None:
    """One value as JSON on one line, at once: whoever reads the pipe sees it when it happens."""
    import msgspec

    click.echo(msgspec.json.encode(value).decode())


def printable(text: str) -> str:
    """What a device says, without what would move a terminal's cursor."""
    return "".join(c if c.isprintable() else "\ufffd" for c in text)


def _cells(rows: Sequence[Any], columns: Sequence[Column], nothing: str = "-") -> list[list[str]]:
    return [[_text(column.text(row), nothing) for column in columns] for row in rows]


def _text(value: object, nothing: str = "-") -> str:
    match value:
        case None:
            return nothing
        case bool():
            return "yes" if value else "no"
        case float():
            return f"{value:.1f}"
        case dict():
            return " ".join(f"{key}={inner}" for key, inner in sorted(value.items())) or nothing
        case list() | tuple():
            return ", ".join(_text(inner) for inner in value) or nothing
        case _ if hasattr(value, "isoformat"):
            return str(value.isoformat(timespec="seconds")).replace("+00:00", "Z")
        case _:
            return printable(str(value))


def _write(format_: str, value: Any) -> None:
    import msgspec

    if format_ == "json":
        click.echo(msgspec.json.format(msgspec.json.encode(value), indent=2).decode())
        return
    import yaml

    plain = msgspec.json.decode(msgspec.json.encode(value))
    click.echo(yaml.safe_dump(plain, sort_keys=False, allow_unicode=True), nl=False)


def _csv(heads: Sequence[str], cells: Sequence[Sequence[str]]) -> None:
    import csv

    writer = csv.writer(sys.stdout, lineterminator="\n")
    writer.writerow(heads)
    writer.writerows(cells)


def _table(heads: Sequence[str], cells: Sequence[Sequence[str]]) -> None:
    if sys.stdout.isatty():
        _drawn(heads, cells)
        return
    widths = [max(len(row[at]) for row in [heads, *cells]) for at in range(len(heads))]
    for row in [heads, *cells]:
        click.echo("  ".join(text.ljust(width) for text, width in zip(row, widths, strict=True)).rstrip())


def _drawn(heads: Sequence[str], cells: Sequence[Sequence[str]]) -> None:
    from rich.box import SIMPLE_HEAD
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table(*heads, box=SIMPLE_HEAD, pad_edge=False)
    for row in cells:
        table.add_row(*(Text(text) for text in row))
    Console().print(table)
