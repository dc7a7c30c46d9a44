"""The power goes again while the device recovers: at every step of the way back."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Final

import pytest

from faults.enumerating import enumerate_second_cuts
from faults.stories import BUNDLES, BUNDLES_KEPT, CONFIGS, Story
from running.tmpfs import tmp_path

__all__ = ["tmp_path"]

pytestmark = pytest.mark.timeout(900)  # hundreds of starts each; seconds, but on a busy machine

#: one story that goes through every phase; `make nightly` asks all
STORIES: Final = (*CONFIGS, *BUNDLES, *BUNDLES_KEPT) if os.environ.get("PYV_NIGHTLY") else (CONFIGS[1],)


@pytest.mark.parametrize("story", STORIES, ids=lambda story: story.name)
def test_a_device_that_recovers_may_be_cut_again(story: Story, tmp_path: Path) -> None:
    count = enumerate_second_cuts(story, tmp_path)
    print(f"{story.name}: {count}")
    assert count.points >= count.disks > count.steps / 2
    assert count.skipped == 0
