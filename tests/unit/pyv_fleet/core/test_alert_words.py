"""How grave each of the controller's own alerts is, and which end when a person has seen them."""

from __future__ import annotations

from pyv_fleet.core import words
from pyv_fleet.core.alert_words import AlertName, Severity


def test_what_somebody_must_look_at_now_is_critical() -> None:
    critical = {name for name in AlertName if name.severity is Severity.CRITICAL}
    assert AlertName.FOREIGN_DIRECTIVE in critical
    assert AlertName.CONFIG_DRIFT not in critical


def test_what_has_a_cause_does_not_end_by_being_seen() -> None:
    seen = {name for name in AlertName if name.ends_when_seen}
    assert AlertName.EMERGENCY in seen
    assert seen.isdisjoint({AlertName.CONFIG_DRIFT, AlertName.ROLLOUT_STOPPED, AlertName.STORE_BEHIND})


def test_they_stand_among_all_other_words() -> None:
    assert words.AlertName is AlertName
