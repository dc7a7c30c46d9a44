"""What is asked of `push ssh` and cannot be is one sentence with its exit code, before any host is spoken to."""

from __future__ import annotations

from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from conformance.fleet import Fleet
from conformance.parcel_subject import Satchel
from pyv_fleet.cli.session import Exit
from pyv_fleet.main import cli

HOSTS = '[[host]]\nname = "a"\naddress = "127.0.0.1"\nport = 9\n[[host]]\nname = "b"\naddress = "127.0.0.1"\nport = 9\n'


@pytest.fixture
def place(tmp_path: Path) -> Path:
    fleet = Fleet(Satchel(), "FLEET-1", "h:1")
    fleet.direct(fleet.release("1.0", b"[windows]\ndefault_size = 7\n"))
    assert isinstance(fleet.carrier, Satchel)
    (tmp_path / "parcel.json").write_bytes(fleet.carrier.parcel())
    (tmp_path / "hosts.toml").write_text(HOSTS)
    return tmp_path


def push(place: Path, *words: str) -> Result:
    shared = ["--inventory", str(place / "hosts.toml"), "--known-hosts", str(place / "known"), "--ssh-config",
              "/dev/null", "--home", str(place)]  # fmt: skip
    found = CliRunner().invoke(cli, ["push", "ssh", *shared, *words])
    assert isinstance(found.exception, SystemExit), found.exception
    return found


@pytest.mark.parametrize(
    ("words", "code", "names"),
    [
        (("--parcel", "PARCEL", "--channel", "c"), Exit.USAGE, "--parcel, or --channel"),
        (("--channel", "c", "--release", "1"), Exit.USAGE, "--release and --reason"),
        (("--channel", "c", "--release", "1", "--reason", "x", "--check"), Exit.USAGE, "changes nothing"),
        (("--bundle", "PARCEL"), Exit.USAGE, "--bundle stands with --parcel"),
        (("z", "--parcel", "PARCEL"), Exit.ERROR, "no host 'z'"),
        (("--parcel", "PARCEL", "--label", "site=x"), Exit.ERROR, "none of its 2 hosts"),
        (("--parcel", "PARCEL", "--canary", "2"), Exit.ERROR, "all at once"),
        (("--parcel", "PARCEL", "--canary", "0"), Exit.USAGE, "--canary"),
        (("--parcel", "HOSTS"), Exit.ERROR, "not a parcel"),
        (("--parcel", "PARCEL", "--identity", "HOSTS"), Exit.ERROR, "hosts.toml"),
        (("--parcel", "PARCEL", "--inventory-kind", "ansible-yaml"), Exit.ERROR, "hosts.toml"),
        (("--parcel", "PARCEL"), Exit.USAGE, "--yes --expect-count"),
        (("--parcel", "PARCEL", "--yes", "--expect-count", "3"), Exit.CONFLICT, "not the 3 expected"),
        ((), Exit.USAGE, "name a --channel"),
    ],
)
def test_what_cannot_be_is_said_in_one_sentence(place: Path, words: tuple[str, ...], code: Exit, names: str) -> None:
    found = push(
        place, *({"PARCEL": str(place / "parcel.json"), "HOSTS": str(place / "hosts.toml")}.get(w, w) for w in words)
    )
    assert (found.exit_code, names in found.output) == (code, True), found.output
    assert "Traceback" not in found.output


def test_hosts_that_are_not_there_leave_a_result_each(place: Path) -> None:
    found = push(place, "--parcel", str(place / "parcel.json"), "--yes", "--expect-count", "2", "-o", "csv")
    assert found.exit_code == Exit.ROLLOUT_FAILED
    assert [line.split(",")[:2] for line in found.stdout.splitlines()] == [
        ["host", "state"], ["a", "unreachable"], ["b", "skipped"]
    ]  # fmt: skip


def test_a_check_that_cannot_ask_ends_with_9(place: Path) -> None:
    assert push(place, "--parcel", str(place / "parcel.json"), "--check").exit_code == Exit.PARTLY_FAILED
