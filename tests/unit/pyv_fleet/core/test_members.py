"""What happened to a member of a wave, in words."""

from __future__ import annotations

import pytest

from pyv_fleet.core.members import cause_sentence, unwell_words
from pyv_fleet.core.words import MemberStanding
from pyvorin_edge.vocabulary import Connectivity, HealthStatus, WaitingFor
from unit.pyv_fleet.core.test_verdict import TERMS, committed, waiting


@pytest.mark.parametrize(("waits", "said"), [(WaitingFor.TURN, "its turn"), (WaitingFor.WINDOW, "its window")])
def test_what_a_device_waits_for_is_said(waits: WaitingFor, said: str) -> None:
    facts = waiting(waiting_for=waits)
    assert cause_sentence(facts, MemberStanding.WAITING, TERMS) == f"FLEET-1 waits for {said}"


def test_one_that_is_not_online_is_not_called_unhealthy() -> None:
    away = committed(connectivity=Connectivity.OFFLINE, health=HealthStatus.HEALTHY)
    assert unwell_words(away) == "FLEET-1 is offline"
