"""A herd on real MQTT: never more than k of a site at a release, also when the controller is killed meanwhile."""

from __future__ import annotations

import signal
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from pyv_fleet.client.errors import ClientError
from pyv_fleet.core.turns import AT_WORK
from pyv_fleet.core.views import RolloutSpec
from running.controller import Controller, controller, start
from running.demo import until
from running.simulated import configured, simulated

pytestmark = pytest.mark.timeout(480)
SITES = {"berlin": 3, "rome": 2}


@pytest.fixture
def up(tmp_path: Path) -> Iterator[Controller]:
    """A controller with devices on two sites, all on 1.0, one of a site at once."""
    with ExitStack() as stack:
        running = stack.enter_context(controller(tmp_path))
        configured(running, "1.0", "1.1", hold_seconds=2)
        for site, count in SITES.items():
            stack.enter_context(simulated(running, count, site, site=site))
        order = ("rollout", "create", "--channel", "stable", "--release", "1.0", "--wave", "100%", "--soak", "0")
        running.cli(*order, "--reason", "a test")
        running.cli("channel", "set", "stable", "--herd", "site=1")
        yield running


class Counted:
    """The most that were seen at it, of each site, by their own word."""

    def __init__(self, up: Controller, rollout: str) -> None:
        self.most: Counter[str] = Counter()
        self._client = up.client()
        self._rollout = rollout

    def look(self) -> Counter[str]:
        try:
            devices = list(self._client.devices())
        except ClientError:
            return Counter()  # the controller is away
        now = Counter(one.labels["site"] for one in devices if one.phase in AT_WORK)
        self.most |= now
        return now

    def last_wave_at_it(self) -> bool:
        return bool(self.look()) and self._client.rollout(self._rollout).wave == 1

    def completed(self) -> bool:
        self.look()
        return self._client.rollout(self._rollout).state == "completed"


def test_one_of_a_site_at_once_and_all_in_the_end_also_through_a_kill(up: Controller) -> None:
    # who is slow to come back to the restarted broker is not lost
    terms = {"waves": ("1", "100%"), "soak_seconds": 1, "silent_seconds": 600}
    spec = RolloutSpec(channel="stable", release="1.1", reason="a test", **terms)
    seen = Counted(up, up.client().create_rollout(spec).id)
    until(seen.last_wave_at_it, within=60, what="the last wave is at it")
    up.stop(signal.SIGKILL)
    up.process = start(up.folder).process
    until(seen.completed, within=240, what="all have had their turn")
    assert seen.most == {"berlin": 1, "rome": 1}
    assert {one.version for one in up.client().devices()} == {"1.1"}
