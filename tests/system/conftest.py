"""A running demo for the modules that look at one."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from running.demo import Demo, start_demo


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Demo]:
    """A demo of its own for the module: three real agents and 100 simulated devices."""
    running = start_demo(tmp_path_factory.mktemp("demo"))
    yield running
    if running.process.poll() is None:
        running.stop()
