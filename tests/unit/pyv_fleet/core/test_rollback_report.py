"""The report in Markdown says who, why, what, and each device; a device's words cannot break it."""

from __future__ import annotations

from pyv_fleet.core import views
from pyv_fleet.core.rollback_report import cause_of, markdown_of
from pyv_fleet.core.words import ReturnStanding
from running.faces import NOW, returning, rollback


def test_it_names_the_order_its_message_and_each_device_with_seconds_or_cause() -> None:
    every = (
        returning("FLEET-1", standing=ReturnStanding.BACK, cause="", seconds=0.25),
        returning("FLEET-2"),
        returning("FLEET-3", online=False, standing=ReturnStanding.AWAY, cause="", since=NOW),
    )
    text = markdown_of(views.RollbackReport(rollback=rollback(("FLEET-2",)), devices=every))
    assert "by operator" in text
    assert f"| stable | 1.1 (2) | 1.0 | 8 | {'ab' * 32} | - |" in text
    assert "| FLEET-1 | stable | 0.25 |" in text
    assert "| FLEET-2 | stable | failed: gate (temp-01 is silent) |" in text
    assert "| FLEET-3 | stable | away since 2026-11-24T12:00:00Z: meets it on return |" in text


def test_what_a_device_says_stays_in_its_cell() -> None:
    device = returning("FLEET-2", cause="failed: gate (a | b\n# head \x1b[2J)")
    text = markdown_of(views.RollbackReport(rollback=rollback(("FLEET-2",)), devices=(device,)))
    assert "| FLEET-2 | stable | failed: gate (a \\| b # head \ufffd[2J) |" in text


def test_each_cause_is_a_line_of_its_own_kind() -> None:
    assert cause_of(returning("d", standing=ReturnStanding.MOVING, cause="fetching")) == "still moving: fetching"
    assert cause_of(returning("d", standing=ReturnStanding.UNHEARD, cause="")) == "never heard the order"
    lost = returning("d", standing=ReturnStanding.LOST, cause="", since=NOW)
    assert cause_of(lost) == "lost since 2026-11-24T12:00:00Z"
