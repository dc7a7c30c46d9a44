"""A device's word is compared with what was sent: whatever is missing, stale or other is not taken for committed."""

from __future__ import annotations

import json
from typing import Any

import pytest

from conformance.fleet import Fleet
from conformance.parcel_subject import Satchel
from pyv_fleet.core.inventory import Host
from pyv_fleet.core.parcels import Contents, contents_of
from pyv_fleet.core.push_judging import command_of, foreseen, judged, lacking, trouble_of
from pyv_fleet.core.words import HostState
from pyvorin_edge.orders import EMPTY_OVERLAY

CONFIG = b"[windows]\ndefault_size = 7\n"
OTHER = "f" * 64


@pytest.fixture(scope="module")
def contents() -> Contents:
    fleet = Fleet(Satchel(), "FLEET-1", "h:1")
    fleet.direct(fleet.release("1.0", CONFIG))
    assert isinstance(fleet.carrier, Satchel)
    return contents_of(fleet.carrier.parcel())


def answer(contents: Contents, **changes: Any) -> bytes:
    """A device that committed what was ordered, but for the changes."""
    [(digest, release)] = contents.releases.items()
    assert contents.directive is not None
    said = {
        "outcome": "accepted", "said": "accepted", "device_id": "FLEET-1", "boot_id": "b", "channel": "stable",
        "generation": contents.directive.generation, "config_hash": release.golden_hash, "health": "healthy",
        "was": OTHER, "was_overlay": EMPTY_OVERLAY, "overlay": EMPTY_OVERLAY, "wanted": digest, "attempt": 1,
        "committed": digest, "version": "1.0", "phase": "settled", "waiting_for": None, "result": None,
    }  # fmt: skip
    return json.dumps({**said, **changes}).encode()


def state(contents: Contents, **changes: Any) -> HostState:
    return judged("h", answer(contents, **changes), "", contents).state


def ended(outcome: str, code: str, contents: Contents) -> dict[str, Any]:
    [digest] = contents.releases
    result = {
        "release": digest, "overlay": EMPTY_OVERLAY, "attempt": 1, "outcome": outcome, "code": code, "detail": "d",
        "at": 1,
    }  # fmt: skip
    return {"committed": OTHER, "result": result}


def test_committed_is_what_settled_on_what_was_ordered(contents: Contents) -> None:
    found = judged("h", answer(contents), "", contents)
    assert (found.state, found.device, found.boot_id, found.release) == (HostState.COMMITTED, "FLEET-1", "b", "1.0")


def test_what_it_had_before_is_unchanged(contents: Contents) -> None:
    [digest] = contents.releases
    assert state(contents, was=digest) is HostState.UNCHANGED
    assert state(contents, was=digest, was_overlay=OTHER) is HostState.COMMITTED


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"outcome": "rejected"}, HostState.REJECTED),
        ({"outcome": "lower"}, HostState.REJECTED),
        ({"outcome": "other_device"}, HostState.REJECTED),
        ({"outcome": "not_kept"}, HostState.DISK_FULL),
        ({"boot_id": None}, HostState.KEPT),
        ({"wanted": None}, HostState.REJECTED),
        ({"generation": 1}, HostState.FAILED),
        ({"phase": "proving"}, HostState.TIMED_OUT),
        ({"phase": "waiting", "waiting_for": "window"}, HostState.KEPT),
        ({"committed": OTHER, "wanted": OTHER}, HostState.FAILED),
        ({"config_hash": OTHER}, HostState.FAILED),
        ({"config_hash": None}, HostState.FAILED),
        ({"committed": OTHER}, HostState.FAILED),
    ],
)
def test_nothing_less_counts(contents: Contents, changes: dict[str, Any], expected: HostState) -> None:
    assert state(contents, **changes) is expected


@pytest.mark.parametrize(
    ("outcome", "code", "expected"),
    [
        ("failed", "gate", HostState.FAILED),
        ("failed", "disk", HostState.DISK_FULL),
        ("rejected", "below_floor", HostState.REJECTED),
    ],
)
def test_a_try_that_ended_badly_is_told_by_its_kind(
    contents: Contents, outcome: str, code: str, expected: HostState
) -> None:
    assert state(contents, **ended(outcome, code, contents)) is expected


def test_an_overlay_that_is_not_in_the_parcel_cannot_be_compared_by_hash(contents: Contents) -> None:
    assert state(contents, overlay=OTHER, config_hash=OTHER) is HostState.COMMITTED


@pytest.mark.parametrize("said", [b"", b"{}", b"[1]", b"Traceback", b'{"outcome":"splendid","said":""}'])
def test_no_answer_is_never_taken_for_success(contents: Contents, said: bytes) -> None:
    found = judged("h", said, "pyv-edge-agent: not found", contents)
    assert (found.state, found.detail) == (HostState.FAILED, "pyv-edge-agent: not found")
    assert judged("h", said, "write: No space left on device", contents).state is HostState.DISK_FULL


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        ({"would": "update", "changes": []}, HostState.DIFFERENT),
        ({"would": "nothing", "changes": []}, HostState.UNCHANGED),
        ({"would": "nothing", "changes": [{"path": "/a", "now": "1", "then": "2"}]}, HostState.DIFFERENT),
        ({"would": "refuse"}, HostState.REJECTED),
    ],
)
def test_a_check_says_whether_something_would_change(said: dict[str, Any], expected: HostState) -> None:
    text = json.dumps({"outcome": "rehearsed", "said": "s", "lacks_bundle": OTHER, **said}).encode()
    assert foreseen("h", text, "").state is expected
    assert lacking(text) == OTHER


def test_the_command_is_quoted_for_the_shell_there() -> None:
    host = Host(name="h", agent="/opt/my agent".replace(" ", "\\ "), state_dir="/a b", sudo=True, device="FLEET-1")
    said = command_of(host, "--wait", "5")
    assert said == "sudo -n '/opt/my agent' apply - --json --state-dir '/a b' --device FLEET-1 --wait 5"


def test_what_is_wrong_is_its_last_word_or_what_its_status_means() -> None:
    assert trouble_of(1, "one\ntwo\n") == "two"
    assert "`agent` in the inventory" in trouble_of(127, "")
    assert trouble_of(None, "") != ""
