"""Bundles among bundles: pruned, and gone back to, cut at every durable step, and with lost writes."""

from __future__ import annotations

from pathlib import Path

import pytest

from faults.enumerating import SAMPLE, enumerate_cuts
from faults.stories import BUNDLES_KEPT, Story
from running.tmpfs import tmp_path

__all__ = ["tmp_path"]

pytestmark = pytest.mark.timeout(900)  # hundreds of starts each; seconds, but on a busy machine


@pytest.mark.parametrize("story", BUNDLES_KEPT, ids=lambda story: story.name)
def test_whatever_a_power_cut_leaves_the_device_starts_whole_and_comes_to_its_end(story: Story, tmp_path: Path) -> None:
    count = enumerate_cuts(story, tmp_path, SAMPLE)
    print(f"{story.name}: {count}")
    assert count.points >= count.disks > count.steps / 2
    assert count.run * SAMPLE >= count.disks
