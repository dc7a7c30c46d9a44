"""Cuts a story at every step, in every way of the model, and asks of each start what must hold."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable
from functools import cache
from itertools import islice
from pathlib import Path

from faults.cutting import Count, Cut, Recording, quiet, record, start_from, told_before
from faults.machine import Machine, reports_in
from faults.stories import Site, Story
from pyv_edge_agent.core.launching import INSTALLED, Launch
from pyv_edge_agent.core.update import phase_of
from pyv_edge_agent.disk.bundles import CURRENT
from pyv_edge_agent.disk.launch_file import BUNDLES, code_of, read_launch
from pyvorin_edge.config.formats import parse, sniff
from pyvorin_edge.identity import digest_of
from pyvorin_edge.packaging.verifier import verify_bundle
from pyvorin_edge.report import Report
from pyvorin_edge.trust import advance_all, parse_anchor
from pyvorin_edge.vocabulary import Phase

#: CI starts from every second disk of the long stories, `make nightly` from every one
SAMPLE = 1 if os.environ.get("PYV_NIGHTLY") else 2


def enumerate_cuts(story: Story, place: Path, every: int = 1) -> Count:
    """Every point of a story (or every so-manieth), run; AssertionError names the first that does not hold."""
    site = Site(place / "device")
    with quiet():
        story.ready(site)

        def act() -> None:
            story.act(site)
            site.machine.until(lambda: story.over(site, site.machine), story.name)

        recording = record(site.machine, act)
        every_start(story, site, recording, islice(recording.cuts.values(), 0, None, every), place / "after")
    return recording.count


def every_start(story: Story, site: Site, recording: Recording, cuts: Iterable[Cut], root: Path) -> None:
    """Start from each disk."""
    for cut in cuts:
        machine = start_from(cut, recording, site.world, root)
        try:
            holds(story, site, machine, told_before(cut, recording))
        except Exception as why:
            raise AssertionError(f"{story.name}: power gone at {cut.what}: {type(why).__name__}: {why}") from why
        recording.count.run += 1


def holds(story: Story, site: Site, machine: Machine, told: list[Report]) -> None:
    """It starts, runs one release whole, forgot nothing that it told, and comes to the story's end."""
    said = len(machine.world.broker.published)
    machine.start()
    whole(site, machine)
    remembers(machine, told)
    machine.until(lambda: story.over(site, machine), story.name)
    whole(site, machine)
    rests(machine)
    later = reports_in(machine.world.broker.published[said:])
    assert later, "it says nothing any more"
    boots = max((report.boot for report in told), default=0)
    assert min(report.boot for report in later) > boots, "a start bears a number that another one told"


def whole(site: Site, machine: Machine) -> None:
    """Live file, launcher's file, running code, and what was loaded are all of the release that memory names."""
    wanted = machine.wanted
    live = machine.place.config.read_bytes()
    assert digest_of(live) == wanted.file, "the live file is another's"
    assert wanted.release is None or wanted.release in site.releases.values(), "a release that nobody made"
    loaded = machine.applied.get("windows", {}).get("default_size")
    assert loaded == parse(live, sniff(live))["windows"]["default_size"], "something else was loaded"
    slot = wanted.slot or INSTALLED
    assert read_launch(machine.root).slot == slot, "the launcher would start other code"
    assert code_of(machine.root, slot) == machine.code, "other code runs"
    if wanted.slot is not None:
        verify_bundle(machine.root / BUNDLES / wanted.slot, wanted.slot, machine.running.device.trust)


def remembers(machine: Machine, told: list[Report]) -> None:
    """What was told to the fleet is not taken back."""
    if not told:
        return
    state, trust = machine.running.device.memory.state, machine.running.device.trust
    verify_from_anchor(machine.place.trust_anchor.read_bytes(), machine.running.device.memory.trust)
    last = told[-1]
    assert state.boot > last.boot, "a start is not counted"
    assert trust.version >= last.trust, "a trust document is forgotten"
    if state.epoch == last.epoch:
        heard = state.heard.get("stable")
        assert heard is not None, "what was heard is forgotten"
        assert heard.generation >= last.generation, "a generation is forgotten"
        assert state.floor >= last.floor, "a floor is forgotten"
    if last.result is not None:
        assert state.result is not None, "a result is forgotten"
        assert state.result.at >= last.result.at, "an older result is back"


@cache
def verify_from_anchor(anchor: bytes, documents: tuple[bytes, ...]) -> None:
    """The trust documents on disk follow from the anchor, each from the one before."""
    advance_all(parse_anchor(anchor), documents)


def rests(machine: Machine) -> None:
    """Nothing is on trial, half done or left over."""
    memory = machine.running.device.memory
    assert phase_of(memory) is Phase.SETTLED
    assert memory.committed is not None
    slot = memory.committed.slot or INSTALLED
    assert read_launch(machine.root) == Launch(good=slot), f"the launcher's file: {read_launch(machine.root)}"
    link = machine.root / CURRENT
    assert (os.readlink(link) if link.is_symlink() else None) == (None if slot == INSTALLED else str(BUNDLES / slot))
    assert not (machine.root / "pending").exists()
    assert not (machine.root / "trial").exists()


def enumerate_second_cuts(story: Story, place: Path) -> Count:
    """The way back from a cut is cut again at every step: from the last disk of each phase of a story."""
    site = Site(place / "device")
    total = Count()
    with quiet():
        story.ready(site)

        def act() -> None:
            story.act(site)
            site.machine.until(lambda: story.over(site, site.machine), story.name)

        first = record(site.machine, act)
        for cut in last_of_phases(first.cuts.values()):
            machine = start_from(cut, first, site.world, place / "again")

            def come_back(machine: Machine = machine) -> None:
                machine.start()
                machine.until(lambda: story.over(site, machine), story.name)

            second = record(machine, come_back)
            every_start(story, site, second, second.cuts.values(), place / "after")
            total += second.count
    return total


def last_of_phases(cuts: Iterable[Cut]) -> list[Cut]:
    """Of each phase that the update is in on the disk, the last."""
    by_phase: dict[str | None, Cut] = {}
    for cut in cuts:
        trial = next((entry.data for entry in cut.image if entry.path == "trial"), None)
        phase = None if trial is None else str(json.loads(trial.split(b"\n")[0])["phase"])
        by_phase[phase] = cut
    return list(by_phase.values())
