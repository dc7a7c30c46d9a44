"""What the config says is what the queue does, and its defaults are the queue's own."""

from __future__ import annotations

from pyv_edge_agent.cloud_sync.queue import QueueSettings
from pyv_edge_agent.cloud_sync.settings import settings_of
from pyvorin_edge.config.document import with_defaults


def test_the_config_s_defaults_are_the_queue_s() -> None:
    assert settings_of(with_defaults({})["cloud"]) == QueueSettings()


def test_each_key_has_its_effect() -> None:
    cloud = with_defaults(
        {"cloud": {"batch_size": 7, "queue": {"max_items": 500, "max_megabytes": 2, "dead_letters_max": 3}}}
    )["cloud"]
    found = settings_of(cloud)
    assert (found.pace.batch_size, found.bound.items, found.bound.bytes, found.pace.dead_letters_max) == (
        7, 500, 2 * 1024 * 1024, 3,
    )  # fmt: skip
