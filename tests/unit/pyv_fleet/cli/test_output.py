"""Values as people and programs read them."""

from __future__ import annotations

from pathlib import Path

import pytest

from pyv_fleet.cli.output import Column, columns_of, show_list, show_one
from pyv_fleet.cli.session import Session

ROW = {"name": "a", "none": None, "labels": {"b": "2", "a": "1"}, "list": ("x", "y"), "empty": (), "yes": True}


def written(capsys: pytest.CaptureFixture[str], format_: str, many: bool) -> list[str]:
    session = Session(Path("unused"), format_)
    if many:
        show_list(session, [ROW], columns_of(ROW))
    else:
        show_one(session, ROW, columns_of(ROW))
    return capsys.readouterr().out.splitlines()


def test_nothing_is_a_dash_for_people_and_an_empty_cell_for_programs(capsys: pytest.CaptureFixture[str]) -> None:
    assert written(capsys, "table", many=True)[1].split() == ["a", "-", "a=1", "b=2", "x,", "y", "-", "yes"]
    assert written(capsys, "csv", many=True)[1] == 'a,,a=1 b=2,"x, y",,yes'


def test_one_value_is_its_fields_below_each_other(capsys: pytest.CaptureFixture[str]) -> None:
    assert written(capsys, "table", many=False)[:2] == ["name    a", "none    -"]


def test_an_empty_list_still_has_its_heads(capsys: pytest.CaptureFixture[str]) -> None:
    show_list(Session(Path("unused"), "csv"), [], (Column("device", str),))
    assert capsys.readouterr().out == "device\n"


@pytest.mark.parametrize("text", ["\x1b[2J", "a\nb", "\u202eevil", "a\tb"])
def test_what_moves_the_cursor_or_breaks_a_row_is_replaced(capsys: pytest.CaptureFixture[str], text: str) -> None:
    show_list(Session(Path("unused")), [text], (Column("detail", str),))
    assert "\ufffd" in capsys.readouterr().out.splitlines()[1]
