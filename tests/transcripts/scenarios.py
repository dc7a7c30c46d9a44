"""What is played: each scenario is a fleet's story, and its transcript is all that the controller made of it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping

from pyv_fleet.core.views import RollbackSpec
from pyvorin_edge.vocabulary import Connectivity
from running.rehearsal import Rehearsal
from transcripts.transcript import Transcript

Scenario = Callable[[Rehearsal, Transcript], Awaitable[None]]


async def good_release(stage: Rehearsal, note: Transcript) -> None:
    """A good release goes out to 104 devices, 1 % first."""
    await stage.enrol(100)
    await stage.enrol(4, kind="real")
    await stage.based_on("1.0")
    await stage.release("1.1")
    await note("release 1.1 is published")
    await stage.roll("1.1", "1%", "100%")
    await note("op rolls it out, 1% then 100%")
    await stage.obey()
    await note("the devices obey")
    await stage.wait(12)
    await note("12 s pass")
    await stage.obey()
    await note("the devices obey")
    await stage.wait(12)
    await note("12 s pass")


async def sick_canary(stage: Rehearsal, note: Transcript) -> None:
    """A release that parses and makes its canary unhealthy stops at one real device."""
    await stage.enrol(8)
    await stage.enrol(3, kind="real")
    await stage.based_on("1.0")
    await stage.release("1.2")
    stage.sick.add("1.2")
    await note("release 1.2 is published; under it sensor temp-01 fails")
    await stage.roll("1.2", "kind=real:1", "100%")
    await note("op rolls it out to one real device first")
    await stage.obey()
    await note("the devices obey")
    await stage.obey()
    await note("the devices obey again")
    await stage.wait(3)
    await note("3 s pass")


async def lost_in_the_middle(stage: Rehearsal, note: Transcript) -> None:
    """Nobody answers: the rollout pauses, a person resumes it, one device is lost and the wave goes back."""
    await stage.enrol(6)
    await stage.based_on("1.0")
    await stage.release("1.1")
    await stage.roll("1.1", "2", "100%")
    await note("op rolls 1.1 out to two devices; they stay silent on it")
    await stage.wait(101)
    await note("101 s pass")
    rollout = (await stage.rollouts.page(None, 1)).items[0]
    await stage.act(rollout.id, "resume")
    await note("op resumes it")
    for number in range(6):
        await stage.say(f"FLEET-simulated-{number}", connectivity=Connectivity.LOST)
    await note("all devices fall silent")
    await stage.wait(3)
    await note("3 s pass")


async def hold_and_go_elsewhere(stage: Rehearsal, note: Transcript) -> None:
    """An abort that stays holds two devices on 1.1; the next rollout must name what the rest stays on."""
    await stage.enrol(6)
    await stage.based_on("1.0")
    await stage.release("1.1")
    await stage.release("1.2")
    first = await stage.roll("1.1", "2", "100%")
    await stage.obey()
    await note("two devices took 1.1")
    await stage.act(first, "abort", stay=True)
    await stage.obey()
    await note("op aborts and lets them stay")
    await note.refusal("op rolls 1.2 out", stage.roll("1.2", "1", "100%"))
    await stage.roll("1.2", "1", "100%", baseline="1.0")
    await note("op rolls 1.2 out and names baseline 1.0")
    await stage.obey()
    await note("the devices obey")


async def fleet_rollback(stage: Rehearsal, note: Transcript) -> None:
    """One command takes the fleet back in the middle of a rollout; one device is switched off."""
    await stage.enrol(5)
    await stage.based_on("1.0")
    await stage.release("1.1")
    await stage.roll("1.1", "1", "100%")
    await stage.obey()
    await stage.wait(12)
    await stage.obey()
    await note("every device has 1.1, the last wave soaks")
    await stage.say("FLEET-simulated-4", connectivity=Connectivity.OFFLINE)
    await note("FLEET-simulated-4 is switched off")
    begun = await stage.rollbacks.start(RollbackSpec(to="last-good", all=True, reason="it broke", expect_count=5), "op")
    await note("op rolls the fleet back to last-good")
    for number in range(4):
        stage.now += 500
        await stage.obey(f"FLEET-simulated-{number}")
    seen = await stage.rollbacks.status(begun.id)
    await note(
        f"the devices obey: {seen.acknowledged} of {seen.online} online acknowledged; first {seen.first_seconds} s, "
        f"median {seen.median_seconds} s, last {seen.last_seconds} s"
    )
    await stage.say("FLEET-simulated-4", connectivity=Connectivity.ONLINE)
    await stage.obey()
    await note("FLEET-simulated-4 comes back")


SCENARIOS: Mapping[str, Scenario] = {
    scenario.__name__: scenario
    for scenario in (good_release, sick_canary, lost_in_the_middle, hold_and_go_elsewhere, fleet_rollback)
}
