"""Alertmanager's API v2: labels are the identity, an end is always stated, and it is asked in pieces."""

from __future__ import annotations

import asyncio
import datetime as dt
import json
from pathlib import Path
from typing import Any

import pytest

from pyv_fleet.core.notifying import ToldAlert
from pyv_fleet.core.polling import parse_prometheus_url
from pyv_fleet.core.words import AlertState, Severity
from pyv_fleet.sinks.alertmanager import AT_ONCE, Alertmanager, shown
from pyv_fleet.sinks.interface import NotTaken
from pyv_fleet.sinks.secrets import Secret
from running.receivers import receiver

NOW = dt.datetime(2026, 6, 2, tzinfo=dt.UTC)


def alert(**other: Any) -> ToldAlert:
    known: dict[str, Any] = {
        "id": "a-1", "name": "cpu", "state": AlertState.FIRING, "severity": Severity.WARNING, "detail": "hot",
        "raised_at": NOW, "labels": {"site": "berlin"}, "device_id": "dev-a", "subject": "dev-a",
    }  # fmt: skip
    return ToldAlert(**(known | other))


def at(url: str, **other: Any) -> Alertmanager:
    address, prefix = parse_prometheus_url(url)
    return Alertmanager(name="am", url=url, address=address, prefix=prefix, **other)


def test_what_holds_ends_after_four_rounds_unless_it_is_shown_again() -> None:
    said = shown("lab", alert(), 1_800_000_000_000)
    assert said["endsAt"] == dt.datetime.fromtimestamp(1_800_000_000, dt.UTC)
    assert shown("lab", alert(state=AlertState.RESOLVED, resolved_at=NOW), 0)["endsAt"] == NOW


def test_nothing_that_changes_stands_in_the_labels() -> None:
    before, after = shown("lab", alert(), 1), shown("lab", alert(detail="hotter", code="x"), 2)
    assert before["labels"] == after["labels"]
    assert after["annotations"]["description"] == "hotter"


def test_a_device_s_labels_get_names_that_prometheus_takes_and_hide_none_of_ours() -> None:
    labels = shown("lab", alert(labels={"a/b": "1", "severity": "none", "9x": "2"}), 1)["labels"]
    assert (labels["a_b"], labels["label_severity"], labels["label_9x"]) == ("1", "none", "2")
    assert labels["severity"] == "warning"


def test_many_are_shown_in_pieces_with_the_token(tmp_path: Path) -> None:
    token = tmp_path / "token"
    token.write_text("t0ken")
    token.chmod(0o600)
    alerts = [alert(subject=f"dev-{number}") for number in range(AT_ONCE + 1)]
    with receiver() as box:
        asyncio.run(at(box.url + "/am", token=Secret(file=token)).show("lab", alerts, 1_800_000_000_000))
    assert [len(json.loads(post.body)) for post in box.posts] == [AT_ONCE, 1]
    assert box.posts[0].path == "/am/api/v2/alerts"
    assert box.posts[0].headers["authorization"] == "Bearer t0ken"


def test_what_it_does_not_take_is_said() -> None:
    with receiver() as box:
        box.answer = 400
        with pytest.raises(NotTaken, match="400"):
            asyncio.run(at(box.url).show("lab", [alert()], 1))
