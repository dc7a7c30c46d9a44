"""`pyv-fleet group`: through the real API, on the real engine."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from running.bench import Bench
from running.counter import Counter, counter

CONFIG = b'[logging]\nlevel = "INFO"\n'
WHY = ("--reason", "ticket 4711")
TWO = ("--yes", "--expect-count", "2")


async def furnish(place: Bench) -> None:
    for device_id in ("FLEET-1", "FLEET-2"):
        await place.enrol(device_id, token=await place.token(labels={"site": "a"}))
    await place.order(await place.release("1.0", CONFIG, open_pointers=("/logging",)))


async def tick(place: Bench) -> None:
    await place.engine.group_steps.tick()


@pytest.fixture
def here(tmp_path: Path) -> Iterator[Counter]:
    with counter(tmp_path) as made:
        made.do(furnish)
        yield made


def test_a_group_is_made_shown_changed_and_deleted(here: Counter) -> None:
    made = (
        "group",
        "set",
        "sites",
        "--selector",
        "site=a",
        "--label",
        "tier=gold",
        "--value",
        '/logging/level="DEBUG"',
    )
    done = here(*made, *WHY, *TWO)
    assert done.exit_code == 0, done.stderr
    here.do(tick)
    assert here.json("device", "show", "FLEET-1")["labels"] == {"site": "a", "tier": "gold"}
    assert "no member that may go first is online" in here("group", "show", "sites").stdout
    assert "FLEET-2" in here("group", "show", "sites").stdout
    assert here("group", "set", "sites", "--canary", "2", "--unlabel", "tier", *WHY, *TWO).exit_code == 0
    shown = here.json("group", "show", "sites")
    assert shown["spec"]["canary"] == 2
    assert shown["spec"]["values"] == {"logging": {"level": "DEBUG"}}
    assert "labels" not in shown["spec"]
    assert here("group", "delete", "sites", *WHY, *TWO).exit_code == 0
    here.do(tick)
    assert here.json("group", "list") == []


def test_what_it_resolved_to_is_shown_and_the_count_is_asked_for(here: Counter) -> None:
    made = ("group", "set", "sites", "--selector", "site=a", "--label", "tier=gold", *WHY)
    assert here(*made).exit_code == 2
    wrong = here(*made, "--yes", "--expect-count", "3")
    assert (wrong.exit_code, "2 devices" in wrong.stderr) == (6, True)
    assert here.json("group", "list") == []


@pytest.mark.parametrize(
    ("words", "code", "named"),
    [
        (("set", "sites", *WHY), 1, "everyone: true"),
        (("set", "sites", "--selector", "site", *WHY), 1, "key=value"),
        (("set", "sites", "--everyone", "--value", "/health/port=1", *WHY), 1, "opens /logging"),
        (("set", "sites", "--everyone", "--value", "x", *WHY), 2, "/pointer=JSON"),
        (("set", "sites", "--everyone"), 2, "--reason"),
        (("show", "sites"), 5, "pyv-fleet group set NAME"),
        (("revert", "sites", *WHY), 5, "sites"),
    ],
)
def test_what_is_wrong_is_said_with_what_to_do(here: Counter, words: tuple[str, ...], code: int, named: str) -> None:
    done = here("group", *words)
    assert done.exit_code == code
    assert named in done.stderr
    assert "Traceback" not in done.stderr


def test_a_group_that_settled_has_nothing_to_go_back_from(here: Counter) -> None:
    assert here("group", "set", "sites", "--id", "FLEET-9", *WHY).exit_code == 0
    assert here("group", "revert", "sites", *WHY).exit_code == 6
    assert here("group", "resume", "sites", *WHY).exit_code == 6
