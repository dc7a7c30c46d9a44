"""A turn changes a copy: the device before is as it was, and what is durable stands apart."""

from __future__ import annotations

from pyv_edge_agent.core.device import DEFAULT_PACE, Turn
from pyv_edge_agent.core.effects import Log, LookAtLive
from pyv_edge_agent.core.events import Now
from pyvorin_edge.orders import Pace
from running.brain import DEVICE, Bench


def test_a_turn_leaves_the_device_before_as_it_was() -> None:
    before = Bench().device
    turn = Turn(before, Now(5, True, 7.0))
    turn.set(boot_id="other")
    turn.note(boot=99)
    turn.remember(local=None)
    assert (before.boot_id, before.memory.state.boot) == ("b1", 1)
    assert (turn.device.boot_id, turn.state.boot, turn.memory.state.boot, turn.up) == ("other", 99, 99, 7.0)


def test_what_is_forgotten_at_a_restart_leaves_memory_the_very_same() -> None:
    before = Bench().device
    turn = Turn(before, Now(5, True, 7.0))
    turn.set(uptime=7.0, health={"status": "healthy"})
    assert turn.memory is before.memory


def test_effects_keep_their_order() -> None:
    turn = Turn(Bench().device, Now(5, True, 7.0))
    turn.do(LookAtLive())
    turn.do(Log("info", "a"), Log("info", "b"))
    assert turn.effects == [LookAtLive(), Log("info", "a"), Log("info", "b")]


def test_the_pace_is_the_directives_else_the_default() -> None:
    bench = Bench()
    bench.connect()
    assert (bench.device.pace, bench.device.channel) == (DEFAULT_PACE, None)
    bench.assign()
    bench.direct(bench.release("1.0"), pace=Pace(beat_seconds=7))
    assert (bench.device.pace.beat_seconds, bench.device.channel) == (7, "stable")
    assert (bench.device.facts.device_id, bench.device.shard) == (DEVICE, "26")
