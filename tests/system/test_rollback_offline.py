"""A rollback while the controller is down: through the broker alone, and the controller takes it up afterwards."""

from __future__ import annotations

import json
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from running.controller import Controller, start
from running.demo import until
from running.released import released, roll_out, said, versions
from running.simulated import simulated

pytestmark = pytest.mark.timeout(300)


@pytest.fixture
def up(tmp_path: Path) -> Iterator[Controller]:
    with released(tmp_path) as running:
        yield running


def offline(up: Controller, *words: str, code: int = 0) -> tuple[dict[str, Any], str]:
    done = up.cli("rollback", "--offline-key", str(up.data / "keys" / "directive.key"), *words, "--reason", "it broke",
                  "--timeout", "40", "-o", "json", code=code)  # fmt: skip
    return json.loads(done.stdout or "{}"), done.stderr


def alerts(up: Controller) -> dict[str, dict[str, Any]]:
    return {one["name"]: one for one in said(up, "alert", "list")["items"] if one["state"] == "firing"}


def test_while_the_controller_is_away_the_fleet_goes_back_and_stays_there(up: Controller, tmp_path: Path) -> None:
    with simulated(up, 4, "many"):
        roll_out(up, "1.0", "100%")
        up.cli("rollout", "create", "--channel", "stable", "--release", "1.1", "--reason", "a test", "--wave", "1",
               "--wave", "100%", "--soak", "600", "--no-wait")  # fmt: skip
        until(lambda: "1.1" in versions(up).values(), within=30, what="the canary took it")
        up.stop(signal.SIGKILL)
        store = {path: path.read_bytes() for path in up.data.glob("fleet.db*")}
        for path in store:
            path.unlink()  # there is no database: nothing may need one

        words = ("--data", str(up.data), "--to", "last-good", "--all", "--yes", "--listen", "20")
        report = tmp_path / "report.json"
        seen, told = offline(up, *words, "--expect-count", "4", "--report", str(report))
        assert (seen["to_version"], seen["online_acknowledged"]) == ("1.0", seen["online"])
        assert seen["online"] > 0
        assert len(json.loads(report.read_text())["devices"]) == 4
        again, told = offline(up, *words[:2], "--to", "1.0", *words[4:], "--expect-count", "4")
        assert "the same order again" in told
        assert again["channels"][0]["generation"] == seen["channels"][0]["generation"]

        for path, data in store.items():
            path.write_bytes(data)
        up.process = start(up.folder).process
        assert said(up, "channel", "show", "stable")["generation"] == seen["channels"][0]["generation"]
        assert [one["state"] for one in said(up, "rollout", "list")["items"]] == ["superseded", "completed"]
        until(lambda: set(versions(up).values()) == {"1.0"}, within=60, what="all are back, and stay")
        assert set(alerts(up)) == {"foreign_directive"}
        assert "offline:" in alerts(up)["foreign_directive"]["detail"]
        until(lambda: [(one["to_version"], one["state"], one["acknowledged"]) for one in said(up, "rollback", "list")]
              == [("1.0", "completed", 4)], within=20, what="it is listed, and all have acknowledged it")  # fmt: skip
        up.cli("alert", "acknowledge", alerts(up)["foreign_directive"]["id"], "--reason", "it was mine")
        assert not alerts(up)

        roll_out(up, "1.2", "1", "100%")
        assert set(versions(up).values()) == {"1.2"}
        by_names_beside_it(up, tmp_path)


def by_names_beside_it(up: Controller, tmp_path: Path) -> None:
    """While a controller runs, its broker is used, from wherever its address and copies of some files are."""
    anchor, ca = tmp_path / "anchor.json", up.data / "ca"
    anchor.write_text(up.cli("trust", "anchor").stdout)
    places = {"server-ca": "server-ca.pem", "certificate": "controller.pem", "certificate-key": "controller.key"}
    named = [word for name, file in places.items() for word in (f"--{name}", str(ca / file))]
    named += ["--trust-anchor", str(anchor), "--broker", up.ready["controller_mqtt"]]
    seen, _ = offline(up, *named, "--to", "1.1", "--channel", "stable", "--yes", "--expect-count", "4")
    assert seen["online_acknowledged"] == 4
    until(lambda: "foreign_directive" in alerts(up), within=20, what="the controller that runs says so")
