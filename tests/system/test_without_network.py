"""A device without any network: provisioned by its anchor alone, ordered by parcels through its own command."""

from __future__ import annotations

import json
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from conformance.fleet import Fleet
from conformance.parcel_subject import Satchel
from pyv_edge_agent.exits import Exit
from pyvorin_edge import wire
from pyvorin_edge.envelope import public_bytes
from pyvorin_edge.identity import digest_of
from pyvorin_edge.orders import BundleRef, Gate
from running.bundles import FILES, archive_of, manifest_digest, signed
from running.demo import BIN, until

DEVICE = "FLEET-0a1b2c3d4e5f"
AGENT = BIN / "pyv-edge-agent"
GOOD = b"[sensors]\npoll_interval_seconds = 0.2\n\n[windows]\ndefault_size = 7\n"
BAD = b'[sensors]\npoll_interval_seconds = 0.2\n\n[[sensors.devices]]\nname = "broken"\nfail_after_seconds = 0\n'


class Stick:
    """What is carried: the fleet's orders, one parcel with all of them at a time."""

    def __init__(self, root: Path) -> None:
        self.satchel = Satchel()
        self.fleet = Fleet(self.satchel, DEVICE, "h:1", hold_seconds=0)
        self.fleet.send_trust(1)
        self.state = root / "state"
        anchor = root / "trust_anchor.json"
        anchor.write_bytes(wire.encode({"public_key": public_bytes(self.fleet.root).hex()}))
        words = ("--offline", "--trust-anchor", anchor, "--out", self.state, "--device-id", DEVICE)
        subprocess.run([AGENT, "provision", *words], check=True, capture_output=True)

    def apply(self, *words: str) -> tuple[int, dict[str, Any]]:
        """Its exit and its answer."""
        done = subprocess.run(
            [AGENT, "apply", "-", "--state-dir", self.state, "--json", *words],
            input=self.satchel.parcel(), capture_output=True, timeout=90, check=False,
        )  # fmt: skip
        return done.returncode, json.loads(done.stdout)

    def refused(self, *words: str) -> str:
        """What it says when it does not even try."""
        argv = [AGENT, "apply", "-", "--state-dir", self.state, *words]
        done = subprocess.run(argv, input=self.satchel.parcel(), capture_output=True, timeout=90, check=False)
        assert done.returncode == Exit.FAILED
        return done.stderr.decode()

    @contextmanager
    def running(self) -> Iterator[None]:
        """The agent, within the block."""
        argv = [AGENT, "run", "--state-dir", self.state, "--health-port", "0", "--clock", "synced"]
        with (self.state / "agent.log").open("ab") as log:
            agent = subprocess.Popen(argv, stdout=log, stderr=log)
        until((self.state / "agent.sock").exists, within=30, what="the agent answers")
        try:
            yield
        finally:
            agent.send_signal(signal.SIGTERM)
            assert agent.wait(timeout=10) == 0


@pytest.fixture
def stick(tmp_path: Path) -> Stick:
    return Stick(tmp_path)


def test_a_parcel_is_followed_to_its_end_good_or_bad(stick: Stick) -> None:
    good = stick.fleet.release("1.0", GOOD)
    stick.fleet.direct(good)
    with stick.running():
        code, said = stick.apply("--wait", "60")
        assert (code, said["outcome"], said["committed"]) == (Exit.DONE, "accepted", good)
        assert (stick.state / "config.toml").read_bytes() == GOOD
        bad = stick.fleet.release("1.1", BAD, gate=Gate(within_seconds=2, hold_seconds=1))
        stick.fleet.direct(bad)
        code, said = stick.apply("--wait", "60")
        assert (code, said["committed"], said["result"]["release"]) == (Exit.UPDATE_FAILED, good, bad)


def test_what_was_applied_while_no_agent_ran_is_obeyed_by_the_next_start(stick: Stick) -> None:
    stick.fleet.direct(stick.fleet.release("1.0", GOOD))
    code, said = stick.apply()
    assert (code, said["agent"]) == (Exit.DONE, "at rest")
    with stick.running():
        until(lambda: (stick.state / "config.toml").read_bytes() == GOOD, within=30, what="it runs the release")


def test_a_release_with_a_bundle_needs_its_archive_beside_the_parcel_and_no_network(
    stick: Stick, tmp_path: Path
) -> None:
    seed = stick.fleet.release_key.private_bytes_raw()
    directory = signed(tmp_path / "bundle", seed=seed)
    archive = tmp_path / "bundle.tar.gz"
    archive.write_bytes(archive_of(directory).getvalue())
    named = BundleRef(
        name="agent",
        version="1.0",
        manifest_sha256=manifest_digest(directory),
        sha256=digest_of(archive.read_bytes()),
        size=archive.stat().st_size,
    )
    good = stick.fleet.release("1.0", GOOD, bundle=named)
    stick.fleet.direct(good)
    (tmp_path / "other").write_bytes(b"another archive")
    done = stick.refused("--bundle", str(tmp_path / "other"))
    assert "is not what a release in the parcel names" in done
    with stick.running():
        code, said = stick.apply("--bundle", str(archive), "--wait", "60")
        assert (code, said["committed"]) == (Exit.DONE, good)
        assert {path: (stick.state / "current" / path).read_bytes() for path in FILES} == FILES
