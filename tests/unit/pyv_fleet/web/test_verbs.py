"""What can be done with a rollout, as buttons: exactly what its state allows, each with its command."""

from __future__ import annotations

import click
import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pyv_fleet.cli.rollout import group
from pyv_fleet.core.rollout import MOVES, VERBS
from pyv_fleet.core.words import RolloutState, WaveState
from pyv_fleet.web import verbs
from running.faces import rollout


@given(st.sampled_from(RolloutState))
def test_every_move_of_a_person_but_superseding_has_its_button(state: RolloutState) -> None:
    moves = tuple(VERBS[event] for event in MOVES[state] if event in VERBS)
    shown = verbs.possible(rollout(state=state, moves=moves), undoable=False)
    assert len(shown) == len(set(moves) - {"supersede"})


@pytest.mark.parametrize("verb", verbs.VERBS, ids=lambda verb: verb.word)
def test_each_says_a_command_that_is_there(verb: verbs.Verb) -> None:
    words = verb.command("r-1").split()
    assert words[:2] == ["pyv-fleet", "rollout"]
    command = group.commands[words[2]]
    options = [one for one in command.params if isinstance(one, click.Option)]
    known = {name for one in options for name in (*one.opts, *one.secondary_opts)}
    assert {word for word in words if word.startswith("--")} <= known


def test_what_takes_a_release_from_devices_is_counted_and_what_does_not_is_not() -> None:
    canary, rest = rollout().waves
    begun = (msgspec.structs.replace(canary, devices=3), msgspec.structs.replace(rest, started_at=None))
    running = rollout(waves=begun, state=RolloutState.ROLLING, ended_at=None)
    counts = {one.word: verbs.resolved(running, one).count for one in verbs.VERBS if one.word != verbs.UNDO}
    assert {word for word, count in counts.items() if count is not None} == {verbs.ABORT}
    assert counts[verbs.ABORT] == 3


def test_what_was_let_into_nobody_asks_for_no_count() -> None:
    waves = tuple(msgspec.structs.replace(one, started_at=None, state=WaveState.PENDING) for one in rollout().waves)
    found = verbs.verb_of(verbs.ABORT)
    assert found is not None
    assert verbs.resolved(rollout(waves=waves, state=RolloutState.READY), found).count is None


def test_a_promotion_is_of_the_wave_that_was_shown_and_skips_name_devices() -> None:
    promote, skip = verbs.verb_of("promote"), verbs.verb_of("skip")
    assert promote is not None
    assert skip is not None
    assert verbs.body_of(promote, "x", 2, "").wave == 2
    assert verbs.body_of(skip, "x", 2, "FLEET-1, FLEET-2").device_ids == ("FLEET-1", "FLEET-2")
