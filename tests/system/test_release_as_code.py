"""A release as files in git: built, signed, verified, uploaded, rolled out, compared, promoted, withdrawn; for real."""

from __future__ import annotations

import json
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from running.controller import Controller, controller
from running.demo import BIN, until

CONFIG = b"""\
[sensors]
poll_interval_seconds = { "$value" = "poll_seconds" }

[[sensors.devices]]
name = "temp-01"
ingest_type = "simulator"
sensor_type = "temperature"
unit = "C"

[cloud]
api_key = "not-for-the-eyes"
"""
OLD = CONFIG.replace(b'{ "$value" = "poll_seconds" }', b"2.0")
RELEASE = b"""\
version = "2026.11.1"
open = ["/sensors/poll_interval_seconds"]

[gate]
within_seconds = 20
hold_seconds = 0
"""
GIT = ("git", "-c", "user.name=Ada", "-c", "user.email=ada@example.org")


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Controller]:
    with controller(tmp_path_factory.mktemp("release")) as up:
        up.cli("channel", "set", "beta")
        crowds = [simulated(up, channel) for channel in ("beta", "stable")]
        yield up
        for crowd in crowds:
            crowd.send_signal(signal.SIGTERM)
        for crowd in crowds:
            crowd.wait(30)


@pytest.fixture(scope="module")
def source(running: Controller) -> Path:
    """The directory in git, as an operator keeps it."""
    directory = running.folder / "git"
    lay(directory, {
        "release.toml": RELEASE,
        "config.toml": CONFIG,
        "layers/fleet.toml": b"[values]\npoll_seconds = 1.0\n",
        "layers/channel/beta.toml": b'[logging]\nlevel = "DEBUG"\n',
        "layers/channel/stable.toml": b"",
        "layers/group/slow.toml": b"[values]\npoll_seconds = 5.0\n",
    })  # fmt: skip
    subprocess.run(["git", "init", "-q", directory], check=True)
    commit(directory)
    return directory


def lay(directory: Path, files: dict[str, bytes]) -> None:
    for name, data in files.items():
        (directory / name).parent.mkdir(parents=True, exist_ok=True)
        (directory / name).write_bytes(data)


def commit(directory: Path) -> None:
    subprocess.run([*GIT, "-C", directory, "add", "-A"], check=True)
    subprocess.run([*GIT, "-C", directory, "commit", "-qm", "changed"], check=True)


def simulated(up: Controller, channel: str, count: int = 4) -> subprocess.Popen[bytes]:
    folder = up.folder / f"sim-{channel}"
    token = up.folder / f"{channel}.token"
    up.cli("token", "create", "--uses", str(count), "--channel", channel, "--out", str(token))
    ready = up.folder / f"{channel}.ready"
    with (up.folder / f"{channel}.log").open("wb") as log:
        crowd = subprocess.Popen(
            [BIN / "pyv-fleet", "simulate", "--api", up.ready["api"], "--token-file", token, "--count", str(count),
             "--prefix", channel, "--dir", folder, "--ready-file", ready],
            stdout=log, stderr=log, start_new_session=True,
        )  # fmt: skip
    until(ready.exists, within=60, what=f"the devices of {channel} are enrolled")
    return crowd


def built(running: Controller, source: Path, channel: str, *words: str) -> Path:
    out = running.folder / f"out-{channel}"
    running.cli("release", "build", str(source), "--channel", channel, "--out", str(out), "--by", "Ada", *words)
    return out


def seen(running: Controller, *words: str, code: int = 0) -> Any:
    return json.loads(running.cli(*words, "-o", "json", code=code).stdout)


def rolled(running: Controller, channel: str, version: str) -> None:
    done = seen(
        running, "rollout", "create", "--channel", channel, "--release", version, "--wave", "100%", "--soak", "1",
        "--reason", "test", "--timeout", "60",
    )  # fmt: skip
    assert done["state"] == "completed"


def test_1_the_same_files_give_the_same_digest_and_nothing_unsigned_is_taken(running: Controller, source: Path) -> None:
    first = seen(running, "release", "build", str(source), "--channel", "beta", "--out", str(running.folder / "one"))
    second = seen(running, "release", "build", str(source), "--channel", "beta", "--out", str(running.folder / "two"))
    assert first["digest"] == second["digest"]
    assert first["provenance"]["built_by"]
    assert "not signed" in running.cli("release", "verify", str(running.folder / "one"), code=1).stderr
    assert "not signed yet" in running.cli("release", "upload", str(running.folder / "one"), code=2).stderr


def test_2_it_is_signed_verified_and_uploaded_and_its_origin_is_kept(running: Controller, source: Path) -> None:
    head = commit_of(source)
    for channel in ("beta", "stable"):
        out = built(running, source, channel)
        running.cli("release", "sign", str(out))
        said = running.cli("release", "verify", str(out)).stderr
        assert "signed by the release role" in said
        published = seen(running, "release", "upload", str(out))
        assert seen(running, "release", "upload", str(out)) == published
    assert published["version"] == "2026.11.1+stable"
    shown = seen(running, "release", "show", "2026.11.1+beta")
    assert shown["provenance"]["built_by"] == "Ada"
    assert shown["provenance"]["commit"] == {"id": head, "dirty": False}
    assert "release.toml" in shown["provenance"]["files"]
    assert len(shown["signed_by"]) == 1
    running.cli("release", "verify", "2026.11.1+beta")


def test_3_what_was_proved_in_beta_goes_to_stable_by_stables_own_canary(running: Controller, source: Path) -> None:
    words = ("release", "promote", "2026.11.1", "--from", "beta", "--to", "stable", "--reason", "proved")
    assert "not what beta runs" in running.cli(*words, code=6).stderr
    rolled(running, "beta", "2026.11.1+beta")
    (source.parent / "old.toml").write_bytes(OLD)
    running.cli(
        "release", "create", "--version", "0.9", "--config", str(source.parent / "old.toml"), "--gate-hold", "0"
    )
    rolled(running, "stable", "0.9")
    made = seen(running, *words)
    assert (made["channel"], made["version"], made["baseline_version"]) == ("stable", "2026.11.1+stable", "0.9")
    assert len(made["waves"]) > 1
    assert made["waves"][0]["devices"] <= 1
    assert "promoted from beta" in made["reason"]


def test_4_two_releases_are_compared_by_key_path_and_no_secret_is_shown(running: Controller, source: Path) -> None:
    changed = CONFIG.replace(b"not-for-the-eyes", b"another-secret").replace(b'unit = "C"', b'unit = "F"')
    lay(source, {"config.toml": changed})
    words = ("release", "diff", "2026.11.1+stable", str(source), "--channel", "stable")
    done = running.cli(*words, "-o", "json", code=3)
    pointers = {one["pointer"] for one in json.loads(done.stdout)}
    assert pointers == {"/sensors/devices/0/unit", "/cloud/api_key"}
    assert "secret" not in done.stdout.replace("[redacted]", "")
    assert "not-for-the-eyes" not in done.stdout
    running.cli("release", "diff", "2026.11.1+stable", str(running.folder / "out-stable"))
    dirty = running.cli("release", "build", str(source), "--channel", "stable", "--out", str(running.folder / "d"))
    assert "in no commit" in dirty.stderr


def test_5_a_release_withdrawn_pauses_its_rollout_and_begins_nowhere(running: Controller, source: Path) -> None:
    lay(source, {"release.toml": RELEASE.replace(b"2026.11.1", b"2026.11.2")})
    commit(source)
    out = running.folder / "next"
    running.cli("release", "build", str(source), "--channel", "stable", "--out", str(out))
    running.cli("release", "sign", str(out))
    running.cli("release", "upload", str(out))
    rollout = seen(
        running, "rollout", "create", "--channel", "stable", "--release", "2026.11.2+stable", "--wave", "1",
        "--wave", "100%", "--soak", "600", "--supersede", "--baseline", "2026.11.1+stable", "--reason", "x",
        "--no-wait",
    )  # fmt: skip
    done = running.cli("release", "yank", "2026.11.2+stable", "--reason", "it lies", "-o", "json")
    yanked = json.loads(done.stdout)
    assert yanked["paused"] == [rollout["id"]]
    assert "rollout abort" in done.stderr
    assert seen(running, "rollout", "show", rollout["id"])["state"] == "paused"
    again = ("--release", "2026.11.2+stable", "--supersede", "--baseline", "2026.11.1+stable", "--reason", "x")
    refused = running.cli("rollout", "create", "--channel", "stable", *again, code=6)
    assert "it lies" in refused.stderr
    running.cli("release", "yank", "2026.11.2+stable", "--undo", "--reason", "it was right")
    assert seen(running, "release", "show", "2026.11.2+stable")["yanked"] is None
    acts = [one["act"] for one in seen(running, "audit", "list")["items"]]
    assert {"release.yank", "release.unyank", "release.promote"} <= set(acts)


def test_6_groups_and_devices_get_the_values_of_their_layers_and_keep_what_they_have(
    running: Controller, source: Path
) -> None:
    ids = sorted(one["device_id"] for one in seen(running, "device", "list", "--channel", "beta")["items"])
    member, single = ids[0], ids[1]
    other = seen(running, "device", "list", "--channel", "stable")["items"][0]["device_id"]
    lay(source, {
        f"layers/device/{single}.toml": b"[values]\npoll_seconds = 7.0\n",
        f"layers/device/{other}.toml": b"[values]\npoll_seconds = 8.0\n",
        "release.toml": RELEASE.replace(b"2026.11.1", b"2026.11.3"),
    })  # fmt: skip
    out = running.folder / "assigned"
    running.cli("release", "build", str(source), "--channel", "beta", "--out", str(out))
    assert "not signed" in running.cli("release", "assign", str(out), "--check", code=1).stderr
    running.cli("release", "sign", str(out))
    assert "group set slow" in running.cli("release", "assign", str(out), "--check", code=5).stderr
    running.cli("group", "set", "slow", "--id", member, "--soak", "0", "--reason", "x", "--yes", "--expect-count", "1")
    planned = {one["name"]: one for one in seen(running, "release", "assign", str(out), "--check", code=3)}
    assert (planned["slow"]["devices"], planned[single]["devices"], planned[other]["devices"]) == (1, 1, 0)
    words = ("release", "assign", str(out), "--reason", "slower", "--yes", "--expect-count", "2")
    done = {one["name"]: one for one in seen(running, *words)}
    assert (done["slow"]["done"], done[single]["done"], done[other]["done"]) == (True, True, False)
    assert "stable" in done[other]["detail"]
    for device_id, seconds in ((member, 5.0), (single, 7.0)):
        until(
            lambda device_id=device_id, seconds=seconds: settled_on(running, device_id, seconds),
            within=60, what=f"{device_id} reads every {seconds} s",
        )  # fmt: skip
    assert all(one["devices"] == 0 for one in seen(running, "release", "assign", str(out), "--check"))


def settled_on(running: Controller, device_id: str, seconds: float) -> bool:
    with running.client() as client:
        told = client.assignment(device_id)
    return told.overlay == {"sensors": {"poll_interval_seconds": seconds}} and told.heard


def commit_of(directory: Path) -> str:
    head = subprocess.run([*GIT, "-C", directory, "rev-parse", "HEAD"], check=True, capture_output=True, text=True)
    return head.stdout.strip()
