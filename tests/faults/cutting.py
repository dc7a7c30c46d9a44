"""Runs a story once, sees every durable step of it, and starts the device anew from every disk that could be left."""

from __future__ import annotations

import logging
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from faults.machine import Machine, World, reports_in
from faults.recorder import Recorder
from faults.shadow import Image, Shadow, lay, read_image
from pyvorin_edge.report import Report


@dataclass(frozen=True, repr=False)
class Cut:
    """A disk that a cut leaves, and the world at that moment."""

    step: int
    #: the step that the cut came before, and what was lost
    what: str
    image: Image
    retained: dict[str, bytes]
    #: so many messages had been published
    said: int
    promised: bool
    wall_ms: int


@dataclass
class Count:
    """What an enumeration came to. `skipped` is what was not run, and is 0."""

    steps: int = 0
    #: a step with one way to lose what was not durable
    points: int = 0
    #: of them with a disk and a world of their own; the others are the same start again
    disks: int = 0
    run: int = 0

    def __add__(self, other: Count) -> Count:
        return Count(
            self.steps + other.steps, self.points + other.points, self.disks + other.disks, self.run + other.run
        )

    @property
    def skipped(self) -> int:
        return self.disks - self.run


@dataclass(repr=False)
class Recording:
    """Each disk once, by its image and how much had been said."""

    count: Count = field(default_factory=Count)
    cuts: dict[tuple[Image, int, bool], Cut] = field(default_factory=dict)
    #: what was published before the story and in it
    published: list[tuple[str, bytes]] = field(default_factory=list)
    end: Image = ()


def record(machine: Machine, story: Callable[[], None]) -> Recording:
    """Run the story; every step is seen, and nothing is lost."""
    made = Recording()
    broker = machine.world.broker
    retained: dict[str, bytes] = {}

    def before(what: str, shadow: Shadow) -> None:
        nonlocal retained
        if retained != broker.retained:
            retained = dict(broker.retained)
        made.count.steps += 1
        for lost, image in shadow.left():
            made.count.points += 1
            key = (image, len(broker.published), machine.world.promised)
            if key not in made.cuts:
                told = f"step {made.count.steps}, before {what}: {lost}"
                made.cuts[key] = Cut(made.count.steps, told, image, retained, key[1], key[2], broker.wall_ms)

    recorder = Recorder(machine.root, before)
    with recorder:
        story()
    before("the end", recorder.shadow)
    made.count.steps -= 1
    made.count.disks = len(made.cuts)
    made.published = list(broker.published)
    made.end = recorder.shadow.now()
    assert made.end == read_image(machine.root), "the recorder missed a step: its disk is not the real one"
    return made


def start_from(cut: Cut, recording: Recording, world: World, root: Path) -> Machine:
    """The device as it is after the cut, not started: its disk, its fleet, and another start of the machine."""
    if root.exists():
        shutil.rmtree(root)
    lay(cut.image, root)
    after = World()
    after.archives, after.crashing = world.archives, world.crashing
    after.machine_boots = world.machine_boots + 1
    after.broker.retained = dict(cut.retained)
    after.broker.published = recording.published[: cut.said]
    after.promised = cut.promised
    after.broker.wall_ms = cut.wall_ms + 30_000
    return Machine(after, root)


def told_before(cut: Cut, recording: Recording) -> list[Report]:
    """The reports that left before the power went."""
    return reports_in(recording.published[: cut.said])


@contextmanager
def quiet() -> Iterator[None]:
    """Thousands of starts have nothing to log."""
    before = logging.root.manager.disable
    logging.disable(logging.CRITICAL)
    try:
        yield
    finally:
        logging.disable(before)
