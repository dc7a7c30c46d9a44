"""Rules 3, 4, 6 and 9 when the power goes at any instruction: every write and every effect is a place to be cut."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from conformance.core_subject import CoreSubject
from conformance.fleet import Fleet
from conformance.memory_broker import MemoryBroker
from conformance.watched import Watched
from pyvorin_edge.identity import Digest
from pyvorin_edge.trust import advance_all, from_key
from pyvorin_edge.vocabulary import Cause, Outcome, Phase

#: more acts than any of these stories has
ACTS_MAX = 200


class Cut:
    """A device on release 1.0 whose power goes after so many acts of what follows."""

    def __init__(self) -> None:
        broker = MemoryBroker()
        self.subject = CoreSubject(broker)
        self.fleet = Fleet(broker, self.subject.device_id, self.subject.address)
        self.device = Watched(self.subject, self.fleet)
        self.device.enrol()
        self.fleet.assign()
        self.subject.start()
        self.base = self.device.publish("1.0", 1, security=1)
        self.fleet.direct(self.base)
        self.device.settle_on(self.base)

    def after(self, acts: int, story: Callable[[], None]) -> bool:
        """Run the story with the power going after `acts`, then start anew; whether it went at all."""
        self.subject.disk.power_for = acts
        story()
        for _ in range(200):
            if self.subject.device is None:
                break
            self.subject.idle(0.25)
        cut = self.subject.device is None
        self.subject.disk.power_for = None
        if cut:
            self.subject.machine_boots += 1
            self.subject.start()
        return cut


def every_cut(story: Callable[[Cut], Callable[[], None]], holds: Callable[[Cut], None]) -> None:
    """The story cut at its first act, its second, and so on until it is over before the power goes."""
    for acts in range(ACTS_MAX):
        cut = Cut()
        went = cut.after(acts, story(cut))
        try:
            holds(cut)
        except AssertionError as why:
            raise AssertionError(f"power gone after {acts} acts: {why}") from why
        if not went:
            return
    raise AssertionError(f"the story has more than {ACTS_MAX} acts")


def test_a_good_release_is_committed_and_the_one_before_is_kept() -> None:
    new: list[Digest] = []

    def story(cut: Cut) -> Callable[[], None]:
        new[:] = [cut.device.publish("1.1", 2, security=2, floor=2)]
        return lambda: ignore(cut.fleet.direct(new[0]))

    def holds(cut: Cut) -> None:
        cut.device.end(new[0], Outcome.COMMITTED)
        assert cut.device.runs(2)
        assert cut.device.report.floor == 2
        kept = [one.release for one in cut.subject.disk.memory().previous]
        assert kept[0] == cut.base, "the release before is gone"
        assert kept.count(cut.base) == 1
        assert new[0] not in kept

    every_cut(story, holds)


def test_a_bad_release_is_gone_for_good_and_told() -> None:
    bad: list[Digest] = []

    def story(cut: Cut) -> Callable[[], None]:
        bad[:] = [cut.device.bad("1.1", 2)]
        return lambda: ignore(cut.fleet.direct(bad[0]))

    def holds(cut: Cut) -> None:
        cut.device.end(bad[0], Outcome.FAILED)
        assert cut.device.report.result is not None
        assert cut.device.report.result.code is Cause.GATE
        assert cut.device.runs(1)
        seen = len(cut.subject.reports())
        cut.device.restart()
        cut.subject.idle(30)
        later = cut.subject.reports()[seen:]
        assert all(one.phase is Phase.SETTLED for one in later), "it is tried again after it failed"

    every_cut(story, holds)


def test_a_new_epoch_takes_floor_and_time_bound_with_it() -> None:
    def story(cut: Cut) -> Callable[[], None]:
        far = cut.fleet.carrier.now_ms() + 20 * 3_600_000
        high = cut.device.publish("1.1", 2, security=9, floor=9)
        cut.fleet.direct(high, issued_at=far, expires_at=far + 1000)
        cut.device.settle_on(high)
        return lambda: ignore(cut.fleet.trust(epoch=2, floor=1))

    def holds(cut: Cut) -> None:
        cut.device.until(lambda: cut.device.report.epoch == 2, "the new epoch")
        assert cut.device.report.floor == 1
        assert cut.subject.disk.memory().state.time_bound == 0

    every_cut(story, holds)


def test_a_rollback_arrives_whatever_happens() -> None:
    def story(cut: Cut) -> Callable[[], None]:
        newer = cut.device.publish("1.1", 2)
        cut.fleet.direct(newer)
        cut.device.settle_on(newer)
        return lambda: ignore(cut.fleet.roll_back(cut.base))

    def holds(cut: Cut) -> None:
        cut.device.settle_on(cut.base)
        assert cut.device.runs(1)

    every_cut(story, holds)


@pytest.mark.parametrize("marker", [1, 5])
def test_what_lies_on_the_disk_can_always_be_read(marker: int) -> None:
    """Trust verifies from the anchor, and the live file is the old or the new one, whole."""

    def story(cut: Cut) -> Callable[[], None]:
        new = cut.device.publish(f"2.{marker}", marker)
        return lambda: ignore(cut.fleet.direct(new))

    def holds(cut: Cut) -> None:
        memory = cut.subject.disk.memory()
        anchor = from_key(bytes.fromhex(cut.fleet.join().trust_anchor))
        assert advance_all(anchor, memory.trust).version == 1
        assert cut.device.runs(1) or cut.device.runs(marker)

    every_cut(story, holds)


def ignore(_: object) -> None:
    """What the fleet made is not looked at."""
