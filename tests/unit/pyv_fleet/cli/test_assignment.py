"""`pyv-fleet device set|pin|unpin|overlay|quarantine`: through the real API, on the real engine."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from pyv_fleet.core.words import AuthScope
from running.bench import Bench
from running.counter import Counter, counter

ME = "FLEET-1"
CONFIG = b'[logging]\nlevel = "INFO"\n'
WHY = ("--reason", "ticket 4711")


async def furnish(place: Bench) -> None:
    await place.enrol(ME)
    await place.order(await place.release("1.0", CONFIG, open_pointers=("/logging",)))


@pytest.fixture
def here(tmp_path: Path) -> Iterator[Counter]:
    with counter(tmp_path) as made:
        made.do(furnish)
        yield made


def test_labels_channel_and_time_zone_are_set_and_shown(here: Counter) -> None:
    assert here("device", "set", ME, "--label", "site=berlin", "--label", "a=b", *WHY).exit_code == 0
    assert here("channel", "set", "beta").exit_code == 0
    done = here("device", "set", ME, "--unlabel", "a", "--channel", "beta", "--tz", "Europe/Berlin", *WHY)
    assert done.exit_code == 0, done.stderr
    shown = here.json("device", "show", ME)
    assert (shown["labels"], shown["channel"], shown["tz"]) == ({"site": "berlin"}, "beta", "Europe/Berlin")
    assert here.json("device", "list", "--label", "site=berlin")["total"] == 1


def test_a_pin_is_shown_with_its_version_and_taken_off(here: Counter) -> None:
    assert here("device", "pin", ME, "--release", "1.0", *WHY).exit_code == 0
    assert "1.0 (release, attempt 1)" in here("device", "show", ME).stdout
    assert here("device", "unpin", ME, *WHY).exit_code == 0
    assert here.json("device", "show", ME)["pin"] is None


def test_an_overlay_is_set_by_path_shown_as_json_and_taken_out_again(here: Counter, tmp_path: Path) -> None:
    done = here("device", "overlay", ME, "--set", '/logging/level="DEBUG"', *WHY)
    assert done.exit_code == 0, done.stderr
    assert json.loads(here("device", "overlay", ME).stdout) == {"logging": {"level": "DEBUG"}}
    assert here.json("device", "show", ME)["overlay"] == ["/logging/level"]
    assert here("device", "overlay", ME, "--unset", "/logging/level", *WHY).exit_code == 0
    assert json.loads(here("device", "overlay", ME).stdout) == {}
    whole = tmp_path / "overlay.json"
    whole.write_text('{"logging": {"level": "ERROR"}}')
    assert here("device", "overlay", ME, "--file", str(whole), *WHY).exit_code == 0
    assert here.json("device", "overlay", ME) == {"logging": {"level": "ERROR"}}


def test_quarantine_shuts_out_until_it_is_lifted(here: Counter) -> None:
    assert here("device", "quarantine", ME, *WHY).exit_code == 0
    assert here.json("device", "show", ME)["quarantined"] is True
    assert here("device", "unquarantine", ME, *WHY).exit_code == 0
    assert here.json("device", "show", ME)["quarantined"] is False


@pytest.mark.parametrize(
    ("words", "code", "named"),
    [
        (("set", ME, *WHY), 2, "nothing to set"),
        (("set", ME, "--label", "a=b"), 2, "--reason"),
        (("set", ME, "--label", "a=b", "--if-number", "1", *WHY), 6, "changed meanwhile"),
        (("set", "FLEET-9", "--label", "a=b", *WHY), 5, "FLEET-9"),
        (("set", ME, "--channel", "nope", *WHY), 5, "pyv-fleet channel set NAME"),
        (("set", ME, "--tz", "Mars/Olympus", *WHY), 1, "Europe/Berlin"),
        (("pin", ME, "--release", "9.9", *WHY), 5, "9.9"),
        (("overlay", ME, "--set", "/logging/level=DEBUG", *WHY), 1, "a text is written with quotes"),
        (("overlay", ME, "--set", "/logging/level", *WHY), 2, "/pointer=JSON"),
        (("overlay", ME, "--set", "logging=1", *WHY), 2, "begins with '/'"),
        (("overlay", ME, "--set", "/health/port=1", *WHY), 1, "release 1.0 opens /logging"),
        (("overlay", ME, "--unset", "/logging/level", *WHY), 2, "does not set it"),
        (("overlay", ME, "--set", "/logging/level=1"), 2, "--reason is needed"),
    ],
)
def test_what_is_wrong_is_said_with_what_to_do(here: Counter, words: tuple[str, ...], code: int, named: str) -> None:
    done = here("device", *words)
    assert done.exit_code == code
    assert named in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize(("text", "named"), [("[1]", "an overlay is an object"), ("{", "no JSON")])
def test_a_file_that_is_no_overlay_is_named(here: Counter, tmp_path: Path, text: str, named: str) -> None:
    bad = tmp_path / "bad.json"
    bad.write_text(text)
    done = here("device", "overlay", ME, "--file", str(bad), *WHY)
    assert done.exit_code == 1
    assert f"{bad}: {named}" in done.stderr


def test_a_token_that_may_only_look_changes_nothing(tmp_path: Path) -> None:
    with counter(tmp_path, AuthScope.READ) as reader:
        reader.do(furnish)
        assert reader("device", "set", ME, "--label", "a=b", *WHY).exit_code == 4
        assert reader("device", "quarantine", ME, *WHY).exit_code == 4
