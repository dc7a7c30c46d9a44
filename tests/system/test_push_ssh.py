"""`push ssh` against real sshd and real agents: done when the device says so, canary first, and every kind of failure
by its own name."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import socket
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from pyv_fleet.cli.session import Exit
from pyv_fleet.core.words import HostState
from pyvorin_edge.identity import digest_of
from pyvorin_edge.orders import BundleRef, Gate
from running.bundles import FILES, archive_of, manifest_digest, signed
from running.demo import until
from running.field import Field, config_of
from running.sshd import USER, make_key

#: its gate finds it sick at once
SICK = b'[sensors]\npoll_interval_seconds = 0.2\n\n[[sensors.devices]]\nname = "broken"\nfail_after_seconds = 0\n'


@pytest.fixture(scope="module")
def field(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Field]:
    made = Field(tmp_path_factory.mktemp("field"))
    try:
        for name in ("one", "two", "three"):
            made.add(name)
        yield made
    finally:
        made.stop()


class Told:
    """How a push ended."""

    def __init__(self, done: subprocess.CompletedProcess[str]) -> None:
        self.code = done.returncode
        self.said = done.stderr
        self.rows: dict[str, dict[str, Any]] = {}
        if done.stdout.startswith("["):
            self.rows = {row["host"]: row for row in json.loads(done.stdout)}

    @property
    def states(self) -> dict[str, str]:
        return {name: row["state"] for name, row in self.rows.items()}


def push(field: Field, *names: str, words: tuple[object, ...] = (), count: int | None = None, **places: Path) -> Told:
    argv = [*field.push_argv(*names, **places), "-o", "json", *map(str, words)]
    if "--check" not in words:
        argv += ["--yes", "--expect-count", str(len(names) if count is None else count)]
        argv += [] if "--soak" in words else ["--soak", "0"]
    return Told(subprocess.run(argv, capture_output=True, text=True, timeout=150, check=False))


def test_each_device_says_itself_that_it_runs_what_was_ordered(field: Field) -> None:
    field.order("1.0", 11)
    told = push(field, "one", "two", "three", words=("--soak", "1"))
    assert (told.code, set(told.states.values())) == (Exit.OK, {HostState.COMMITTED}), told.said
    assert {row["device"] for row in told.rows.values()} == {"FLEET-one", "FLEET-two", "FLEET-three"}
    assert all(row["boot_id"] and row["release"] == "1.0" for row in told.rows.values())
    assert {device.config for device in field.devices.values()} == {config_of(11)}
    again = push(field, "one", "two", "three")
    assert (again.code, set(again.states.values())) == (Exit.OK, {HostState.UNCHANGED})


def test_a_check_shows_the_values_that_would_change_and_changes_nothing(field: Field) -> None:
    field.order("1.1", 12)
    before = {name: device.config for name, device in field.devices.items()}
    told = push(field, "one", "two", words=("--check",))
    assert (told.code, set(told.states.values())) == (Exit.DRIFT, {HostState.DIFFERENT}), told.said
    assert {"path": "/windows/default_size", "now": "11", "then": "12"} in told.rows["one"]["changes"]
    assert {name: device.config for name, device in field.devices.items()} == before
    push(field, "one", "two", "three")
    assert push(field, "one", "two", words=("--check",)).code == Exit.OK


def test_a_sick_release_stops_at_the_canary_which_goes_back_by_itself(field: Field) -> None:
    field.order("1.2", 13)
    push(field, "one", "two", "three")
    bad = field.fleet.release("1.3-bad", SICK, gate=Gate(within_seconds=2, hold_seconds=1))
    field.fleet.direct(bad)
    told = push(field, "one", "two", "three")
    assert told.code == Exit.ROLLOUT_FAILED, told.said
    skipped = {"two": HostState.SKIPPED, "three": HostState.SKIPPED}
    assert told.states == {"one": HostState.FAILED, **skipped}
    assert {device.config for device in field.devices.values()} == {config_of(13)}


def test_a_host_that_cannot_be_had_is_told_by_its_kind_and_keeps_no_other_from_its_turn(field: Field) -> None:
    field.order("1.4", 14)
    closed, locked = field.add("closed", runs=False), field.add("locked", runs=False)
    closed.host.stop()
    (locked.host.folder / "authorized_keys").write_text("")
    told = push(field, "one", "closed", "locked", "two")
    assert told.code == Exit.PARTLY_FAILED, told.said
    assert told.states == {
        "one": HostState.COMMITTED, "two": HostState.COMMITTED,
        "closed": HostState.UNREACHABLE, "locked": HostState.UNREACHABLE,
    }  # fmt: skip
    assert "nothing listens" in told.rows["closed"]["detail"]
    assert "none of the keys" in told.rows["locked"]["detail"]


def test_a_changed_or_unknown_host_key_is_refused_and_says_what_to_do(field: Field, tmp_path: Path) -> None:
    field.order("1.5", 15)
    one, two, three = (field.devices[name].host for name in ("one", "two", "three"))
    other, known = make_key(tmp_path / "other"), tmp_path / "known"
    known.write_text(one.known_line() + two.known_line(other))
    told = push(field, "one", "two", "three", known_hosts=known)
    assert told.states == {
        "one": HostState.COMMITTED, "two": HostState.REFUSED_KEY, "three": HostState.REFUSED_KEY
    }, told.said  # fmt: skip
    assert "CHANGED" in told.rows["two"]["detail"]
    assert "ssh-keyscan" in told.rows["three"]["detail"]
    assert field.devices["two"].config != config_of(15)
    told = push(field, "one", "two", "three", words=("--accept-new",), known_hosts=known)
    assert told.states["two"] == HostState.REFUSED_KEY, "a changed key is never accepted"
    assert told.states["three"] == HostState.COMMITTED
    assert three.known_line().split()[2] in known.read_text()


def test_a_host_that_hangs_is_given_up_after_its_time(field: Field) -> None:
    field.order("1.6", 16)
    mute = field.add("mute", runs=False)
    mute.host.stop()
    with socket.create_server(("127.0.0.1", mute.host.port)):  # takes the connection and never says a word
        told = push(field, "one", "mute", "two", words=("--connect-timeout", "2"))
    assert told.states == {"one": HostState.COMMITTED, "mute": HostState.UNREACHABLE, "two": HostState.COMMITTED}


def test_an_agent_that_hangs_is_given_up_after_its_time(field: Field) -> None:
    field.order("1.65", 165)
    field.devices["two"].host.has_agent("sleep 60")
    try:
        told = push(field, "one", "two", words=("--timeout", "5", "--connect-timeout", "3"))
        assert (told.code, told.states["two"]) == (Exit.ROLLOUT_FAILED, HostState.TIMED_OUT), told.said
    finally:
        (field.devices["two"].host.path / "pyv-edge-agent").unlink()


def test_a_device_that_does_not_settle_in_time_is_told_as_such(field: Field) -> None:
    field.order("1.7", 17, gate=Gate(within_seconds=60, hold_seconds=20))
    told = push(field, "one", words=("--timeout", "2"))
    assert (told.code, told.states) == (Exit.ROLLOUT_FAILED, {"one": HostState.TIMED_OUT}), told.said
    assert push(field, "one").code == Exit.OK, "it goes on by itself, and a second push hears its word"


def test_a_connection_that_breaks_half_way_is_tried_once_more_and_ends_well(field: Field, tmp_path: Path) -> None:
    field.order("1.8", 18)
    marker = tmp_path / "broke"
    field.devices["two"].host.has_agent(
        f'[ -e {marker} ] && exec "$REAL" "$@"; touch {marker}; "$REAL" "$@" >/dev/null; kill -9 $PPID; sleep 60'
    )
    try:
        told = push(field, "one", "two")
        assert (told.code, told.states) == (Exit.OK, {"one": HostState.COMMITTED, "two": HostState.UNCHANGED}), (
            told.said
        )
        assert marker.exists()
        field.order("1.9", 19)
        field.devices["two"].host.has_agent("cat >/dev/null; kill -9 $PPID; sleep 60")
        told = push(field, "one", "two")
        assert (told.code, told.states["two"]) == (Exit.ROLLOUT_FAILED, HostState.DISCONNECTED)
    finally:
        (field.devices["two"].host.path / "pyv-edge-agent").unlink()


def test_an_exit_status_alone_is_never_believed(field: Field) -> None:
    field.order("2.0", 20)
    field.devices["two"].host.has_agent("cat >/dev/null; exit 0")
    try:
        assert push(field, "one", "two").states["two"] == HostState.FAILED
    finally:
        (field.devices["two"].host.path / "pyv-edge-agent").unlink()


def test_another_device_behind_the_address_takes_nothing(field: Field, tmp_path: Path) -> None:
    field.order("2.1", 21)
    inventory = tmp_path / "hosts.toml"
    inventory.write_text(field.devices["one"].host.toml(device='"FLEET-other"'))
    before = field.devices["one"].config
    told = push(field, "one", inventory=inventory)
    assert (told.code, told.states) == (Exit.ROLLOUT_FAILED, {"one": HostState.REJECTED})
    assert field.devices["one"].config == before


def test_hosts_of_an_openssh_config_are_reached_through_its_jump_host_whose_key_counts_too(
    field: Field, tmp_path: Path
) -> None:
    field.order("2.15", 31)
    one, two = (field.devices[name].host for name in ("one", "two"))
    config, known = tmp_path / "config", tmp_path / "known"
    config.write_text(
        f"Host gate\n HostName 127.0.0.1\n Port {two.port}\n ProxyJump {USER}@127.0.0.1:{one.port}\n"
        "Host *\n StrictHostKeyChecking no\n UserKnownHostsFile none\n"
    )
    known.write_text(two.known_line())
    told = push(field, "two", words=("--ssh-config", config), inventory=config, known_hosts=known)
    assert told.states == {"gate": HostState.REFUSED_KEY}, told.said
    known.write_text(one.known_line() + two.known_line())
    log = one.folder / "sshd.log"
    before = log.read_bytes().count(b"Accepted publickey")
    told = push(field, "two", words=("--ssh-config", config), inventory=config, known_hosts=known)
    assert (told.code, told.rows["gate"]["device"]) == (Exit.OK, "FLEET-two"), told.said
    assert log.read_bytes().count(b"Accepted publickey") > before


def test_a_bundle_is_uploaded_to_the_device_that_lacks_it(field: Field, tmp_path: Path) -> None:
    directory = signed(tmp_path / "bundle", seed=field.fleet.release_key.private_bytes_raw())
    archive = tmp_path / "bundle.tar.gz"
    archive.write_bytes(archive_of(directory).getvalue())
    named = BundleRef(
        name="agent",
        version="1.0",
        manifest_sha256=manifest_digest(directory),
        sha256=digest_of(archive.read_bytes()),
        size=archive.stat().st_size,
    )
    field.order("2.16", 32, bundle=named)
    told = push(field, "one", "two", words=("--bundle", archive))
    assert (told.code, set(told.states.values())) == (Exit.OK, {HostState.COMMITTED}), told.said
    state = field.devices["two"].host.state
    assert {path: (state / "current" / path).read_bytes() for path in FILES} == FILES
    assert not list(Path.home().glob(".pyv-push-*")), "what was uploaded is removed"


def test_a_push_that_was_killed_goes_on_and_leaves_alone_what_is_done(field: Field, tmp_path: Path) -> None:
    field.order("2.2", 22)
    record = tmp_path / "push.record"
    argv = [*field.push_argv("one", "two", "three"), "--resume", str(record), "--parallel", "1", "--soak", "0",
            "--yes", "--expect-count", "3"]  # fmt: skip
    with subprocess.Popen(argv, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
        until(lambda: b'"two"' in record.read_bytes(), within=90, what="two hosts are done")
        process.kill()
    log = field.devices["one"].host.folder / "sshd.log"
    before = log.read_bytes().count(b"Accepted publickey")
    told = push(field, "one", "two", "three", words=("--resume", record), count=1)
    assert (told.code, told.states["three"]) == (Exit.OK, HostState.COMMITTED), told.said
    assert told.rows["one"]["detail"] == "done before"
    assert log.read_bytes().count(b"Accepted publickey") == before
    field.order("2.3", 23)
    other = push(field, "one", "two", "three", words=("--resume", record))
    assert (other.code, "of other orders" in other.said) == (Exit.ERROR, True)


def test_an_interrupted_push_ends_cleanly_and_keeps_what_is_done(field: Field, tmp_path: Path) -> None:
    field.order("2.4", 24)
    record = tmp_path / "push.record"
    field.devices["two"].host.has_agent("sleep 60")
    argv = [*field.push_argv("one", "two"), "--resume", str(record), "--soak", "0", "--yes", "--expect-count", "2"]
    try:
        with subprocess.Popen(argv, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
            until(lambda: b'"proved"' in record.read_bytes(), within=90, what="the canary is good")
            process.send_signal(signal.SIGINT)
            _, said = process.communicate(timeout=30)
        assert (process.returncode, "Traceback" in said) == (Exit.ERROR, False), said
        assert f"--resume {record}" in said
    finally:
        (field.devices["two"].host.path / "pyv-edge-agent").unlink()
    told = push(field, "one", "two", words=("--resume", record), count=1)
    assert told.states == {"one": HostState.UNCHANGED, "two": HostState.COMMITTED}


def test_a_device_whose_agent_does_not_run_keeps_the_orders_for_its_next_start(field: Field) -> None:
    field.order("2.5", 25)
    rest = field.add("rest", runs=False)
    told = push(field, "one", "rest")
    assert (told.code, told.states["rest"]) == (Exit.PARTLY_FAILED, HostState.KEPT)
    rest.start()
    until(lambda: rest.config == config_of(25), within=60, what="it obeys what was pushed")


@pytest.mark.skipif(os.geteuid() != 0, reason="a small file system is mounted, which only root may")
def test_a_full_disk_is_told_as_such_and_keeps_what_it_had(field: Field, tmp_path: Path) -> None:
    field.order("2.6", 26)
    place = tmp_path / "small"
    place.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=6m", "tmpfs", str(place)], check=True)
    try:
        full = field.add("full", state=place / "state")
        before = full.config
        (full.host.state / "ballast").unlink(missing_ok=True)
        fill(place / "junk")
        told = push(field, "one", "full")
        assert (told.code, told.states["full"]) == (Exit.PARTLY_FAILED, HostState.DISK_FULL), told.rows
        assert full.config == before
    finally:
        if "full" in field.devices:
            field.devices.pop("full").stop()
        subprocess.run(["umount", "-l", str(place)], check=True)


def fill(junk: Path) -> None:
    """All the room there is."""
    with junk.open("wb", buffering=0) as file, contextlib.suppress(OSError):
        while file.write(bytes(4096)):
            pass
