"""A store from last week's backup catches up with the broker and the fleet before it orders anything (PROTOCOL 5)."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from pyv_fleet.client.errors import ClientError
from pyv_fleet.core.views import FleetStatus
from pyv_fleet.core.words import CatchUp
from running.controller import Controller, controller, launch, start
from running.demo import until
from running.simulated import configured, simulated

pytestmark = pytest.mark.timeout(240)


@pytest.fixture
def up(tmp_path: Path) -> Iterator[Controller]:
    with controller(tmp_path) as running:
        configured(running, "1.0", "1.1", "1.2")
        yield running


def roll_out(up: Controller, version: str, channel: str = "stable") -> None:
    first = said(up, "channel", "show", channel)["golden"] is None
    waves = ("--wave", "100%") if first else ("--wave", "1", "--wave", "100%")
    words = ("--reason", "a test", *waves, "--soak", "1", "--timeout", "60")
    up.cli("rollout", "create", "--channel", channel, "--release", version, *words)


def said(up: Controller, *words: str) -> Any:
    return json.loads(up.cli(*words, "-o", "json").stdout)


@contextmanager
def backup(up: Controller) -> Iterator[Path]:
    """The store as it is now, copied while the controller rests; afterwards it runs again."""
    up.stop()
    kept = up.folder / "backup"
    shutil.copytree(up.data, kept, ignore=shutil.ignore_patterns("broker", "ca", "ready.json"))
    up.process = start(up.folder).process
    yield kept


def restore(up: Controller, kept: Path) -> None:
    """Last week's store, and its WAL if it had one, in the place of today's."""
    for name in ("fleet.db", "fleet.db-wal", "fleet.db-shm"):
        (up.data / name).unlink(missing_ok=True)
        if (kept / name).exists():
            shutil.copy(kept / name, up.data / name)


def versions(up: Controller) -> dict[str, str | None]:
    return {one["device_id"]: one["version"] for one in said(up, "device", "list")["items"]}


def test_a_restored_store_takes_up_what_the_broker_holds_and_goes_on_from_there(up: Controller) -> None:
    with simulated(up, 3, "before"):
        roll_out(up, "1.0")
        with backup(up) as kept:
            pass
        configured(up, "2.0")
        up.cli("channel", "set", "edge", "--settle-seconds", "0", "--beat-seconds", "1")
        with simulated(up, 2, "since", channel="edge"):
            until(lambda: len(versions(up)) == 5, within=30, what="five devices are known")
            roll_out(up, "2.0")
            roll_out(up, "1.2", channel="edge")
            generation = said(up, "channel", "show", "stable")["generation"]
            up.stop()
            restore(up, kept)
            up.process = start(up.folder).process
            assert said(up, "channel", "show", "stable")["generation"] == generation
            until(lambda: sorted(map(str, versions(up).values())) == ["1.2", "1.2", "2.0", "2.0", "2.0"],
                  within=30, what="all that was enrolled and rolled out since is known again")  # fmt: skip
            status = said(up, "fleet", "status")
            assert status["orders"] == "done"
            assert any("unknown release" in one and "2 unknown devices" in one for one in status["alerts"])
            roll_out(up, "1.1")
            roll_out(up, "1.1", channel="edge")
            assert set(versions(up).values()) == {"1.1"}


def test_without_its_broker_it_orders_nothing_and_says_what_it_waits_for(up: Controller) -> None:
    with simulated(up, 2, "here"):
        roll_out(up, "1.0")
        up.stop()
    # someone else's broker, which does not answer
    settings = up.data / "fleet.toml"
    settings.write_text(settings.read_text().replace('mode = "managed"', 'mode = "external"')
                        .replace('url = ""\n', 'url = "mqtts://127.0.0.1:1"\n', 1))  # fmt: skip
    up.process = launch(up.folder).process
    client = up.client()

    def waits() -> FleetStatus | None:
        try:
            return client.fleet_status()
        except ClientError:
            return None

    until(lambda: waits() is not None, within=60, what="the API answers")
    status = client.fleet_status()
    assert (status.orders, "broker" in status.detail) == (CatchUp.BROKER, True)
    refused = up.cli("rollout", "create", "--channel", "stable", "--release", "1.1", "--reason", "x", code=1)
    assert "catching up" in refused.stderr
    refused = up.cli("channel", "refresh", "stable", "--reason", "x", code=1)
    assert "catching up" in refused.stderr
    words = ("rollback", "--to", "1.0", "--all", "--reason", "x", "--yes", "--expect-count", "2")
    assert "catching up" in up.cli(*words, code=1).stderr


def test_devices_that_hold_what_neither_store_nor_broker_know_keep_it_until_a_person_says(up: Controller) -> None:
    with simulated(up, 3, "ahead"):
        roll_out(up, "1.0")
        with backup(up) as kept:
            pass
        roll_out(up, "1.1")
        up.stop()
        restore(up, kept)
        (up.data / "broker" / "retained.db").unlink()
        up.process = start(up.folder).process
        until(lambda: set(versions(up).values()) == {"1.1"}, within=30, what="all have reported")
        status = said(up, "fleet", "status")
        assert any("rollback --channel stable" in one for one in status["alerts"])
        up.cli("channel", "set", "stable", "--beat-seconds", "3", code=6)
        up.cli("rollout", "create", "--channel", "stable", "--release", "1.2", "--reason", "x", "--soak", "1", code=6)
        assert set(versions(up).values()) == {"1.1"}
        words = ("rollback", "--to", "1.1", "--all", "--reason", "it runs that", "--yes", "--expect-count", "3")
        up.cli(*words, "--timeout", "30")
        roll_out(up, "1.2")
        until(lambda: not said(up, "fleet", "status")["alerts"], within=30, what="the alert is resolved")
