"""What simulated devices share is read once, and judged as a real device would."""

from __future__ import annotations

import pytest

from pyv_fleet.simulate.world import World
from pyvorin_edge.config.problem import ConfigError
from pyvorin_edge.identity import digest_of

CONFIG = b"""
[[sensors.devices]]
name = "t"
ingest_type = "simulator"
fail_after_seconds = 2.0

[[sensors.devices]]
name = "replayed"
ingest_type = "file"
path = "readings.csv"

[cloud]
endpoint = "${URL}"
"""


def test_only_simulator_sensors_are_played_and_they_fail_when_the_config_says() -> None:
    sensors = World({"URL": "https://a/v1/ingest"}).load(digest_of(CONFIG), CONFIG).sensors
    assert [one.settings.name for one in sensors] == ["t"]
    assert [sensors[0].connected_at(seconds) for seconds in (0.0, 1.9, 2.0)] == [True, True, False]


def test_a_config_is_read_once_for_all_devices() -> None:
    world = World({"URL": "https://a/v1/ingest"})
    assert world.load(digest_of(CONFIG), CONFIG) is world.load(digest_of(CONFIG), CONFIG)


def test_variables_come_from_the_worlds_environment_and_show_in_the_effective_hash() -> None:
    one, other = (World({"URL": f"https://{host}/v1/ingest"}).load(digest_of(CONFIG), CONFIG) for host in "ab")
    assert one.effective["cloud"]["endpoint"] == "https://a/v1/ingest"
    assert one.effective_hash != other.effective_hash


@pytest.mark.parametrize(
    ("data", "named"),
    [(b"[sensors", "not TOML"), (b"[sensors]\npoll_interval_seconds = -1\n", "/sensors/poll_interval_seconds")],
)
def test_what_is_not_valid_is_refused_and_not_remembered(data: bytes, named: str) -> None:
    world = World({})
    for _ in range(2):
        with pytest.raises(ConfigError, match=named):
            world.load(digest_of(data), data)
