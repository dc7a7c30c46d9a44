"""`hooks.toml`: only its owner's word counts, mistakes are named, and a hook runs for what it asked for."""

from __future__ import annotations

from pathlib import Path

import pytest

from pyv_edge_agent.hooks import Change, Hook, HooksError, check_program, concerned, read_hooks
from pyvorin_edge.vocabulary import HookMoment

GOOD = """
[[hook]]
name = "reload"
on = "after"
run = ["/bin/true", "now"]
pointers = ["/sensors"]
"""


def written(path: Path, text: str, mode: int = 0o644) -> Path:
    path.write_text(text, encoding="utf-8")
    path.chmod(mode)
    return path


def hook(**fields: object) -> Hook:
    return Hook(**{"name": "one", "on": HookMoment.AFTER, "run": ("/bin/true",), **fields})  # type: ignore[arg-type]


def test_no_file_is_no_hooks(tmp_path: Path) -> None:
    assert read_hooks(tmp_path / "hooks.toml") == ()


def test_what_it_says_is_read(tmp_path: Path) -> None:
    (found,) = read_hooks(written(tmp_path / "hooks.toml", GOOD))
    assert (found.on, found.run, found.timeout_seconds) == (HookMoment.AFTER, ("/bin/true", "now"), 30.0)


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("[[hook]", "hooks.toml"),
        (GOOD + "shell = true\n", "shell"),
        (GOOD.replace("/bin/true", "true"), "absolute path"),
        (GOOD.replace('"/sensors"', '"sensors"'), "begins with /"),
        (GOOD.replace("after", "later"), "later"),
        (GOOD + GOOD, "two hooks"),
        (GOOD + "timeout_seconds = 0\n", "timeout_seconds"),
        ("#" * 70_000, "larger"),
    ],
)
def test_a_mistake_is_named(tmp_path: Path, text: str, why: str) -> None:
    with pytest.raises(HooksError, match=why):
        read_hooks(written(tmp_path / "hooks.toml", text))


@pytest.mark.parametrize("mode", [0o664, 0o646])
def test_what_others_may_write_is_not_obeyed(tmp_path: Path, mode: int) -> None:
    with pytest.raises(HooksError, match="others may write"):
        read_hooks(written(tmp_path / "hooks.toml", GOOD, mode))
    with pytest.raises(HooksError, match="others may write"):
        check_program(hook(run=(str(written(tmp_path / "program", "#!/bin/sh\n", mode)),)))


def test_a_program_that_is_not_there_is_named() -> None:
    with pytest.raises(HooksError, match="No such file"):
        check_program(hook(run=("/nowhere/at/all",)))


@pytest.mark.parametrize(
    ("path", "runs"),
    [
        ("/sensors", True),
        ("/sensors/devices/0/name", True),
        ("", True),
        ("/sensorsuite", False),
        ("/health/port", False),
    ],
)
def test_it_runs_when_what_it_names_changes_or_what_lies_below_or_around(path: str, runs: bool) -> None:
    found = concerned([hook(pointers=("/sensors",))], HookMoment.AFTER, Change((path,)))
    assert bool(found) == runs


def test_it_runs_for_a_bundle_s_file_that_it_names() -> None:
    one = hook(files=("site/*.py",))
    assert concerned([one], HookMoment.AFTER, Change((), ("site/app.py",)))
    assert not concerned([one], HookMoment.AFTER, Change(("/sensors",), ("data/x.bin",)))


def test_one_that_names_nothing_runs_for_every_change_at_its_moment() -> None:
    assert concerned([hook()], HookMoment.AFTER, Change(()))
    assert not concerned([hook()], HookMoment.BEFORE, Change(()))
