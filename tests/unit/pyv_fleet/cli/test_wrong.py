"""Every command with what is wrong: one clear sentence on stderr, its exit code, nothing on stdout, no traceback."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import Result

from running.console import console
from running.faces import StandInDesk

#: a command of each noun that speaks to the controller
ASKING = (
    ("health",), ("attention",), ("fleet", "show"), ("device", "list"), ("device", "show", "FLEET-1"),
    ("token", "create"), ("release", "list"), ("release", "verify", "1.0"), ("rollout", "watch"),
    ("rollback", "--to", "1", "--all", "--reason", "x"), ("drift", "check"), ("channel", "list"), ("alert", "list"),
    ("audit", "list"), ("trust", "show"),
)  # fmt: skip
SECRET = "pyvapi1.secret"


def said(done: Result) -> str:
    """The one sentence; nothing else may have been written."""
    assert done.stdout == ""
    assert "Traceback" not in done.stderr
    assert isinstance(done.exception, SystemExit), done.exception
    assert SECRET not in done.stderr
    return done.stderr.partition("Error: ")[2]


def spoil(**files: str | None) -> Callable[[Path], None]:
    def spoiled(home: Path) -> None:
        for name, text in files.items():
            path = home / name.replace("__", ".")
            if text is None:
                path.unlink()
            else:
                path.write_text(text, encoding="utf-8")

    return spoiled


AWAY = 'api = "http://127.0.0.1:9"\n'


#: what is wrong, the exit code, and what is named
WRONG = {
    "no context": (spoil(context__toml=None), 2, "context.toml"),
    "no TOML": (spoil(context__toml="api ="), 2, "context.toml"),
    "no token": (spoil(token=None), 2, "token"),
    "wrong token": (spoil(token="pyvapi1.nobody"), 4, "Not signed in"),
    "controller away": (spoil(context__toml=AWAY), 1, "pyv-fleet serve"),
}
#: each command with one of them in turn, and one command with all: they share the code that says it
PAIRS = [(words, list(WRONG)[at % len(WRONG)]) for at, words in enumerate(ASKING)]
PAIRS += [(ASKING[-1], name) for name in WRONG if (ASKING[-1], name) not in PAIRS]


@pytest.mark.parametrize(("words", "name"), PAIRS, ids=[f"{' '.join(words)}, {name}" for words, name in PAIRS])
def test_what_every_command_needs(tmp_path: Path, words: tuple[str, ...], name: str) -> None:
    wrong, code, names = WRONG[name]
    with console(tmp_path, StandInDesk()) as here:
        wrong(here.home)
        done = here(*words, "-o", "json")
    assert (done.exit_code, names in said(done)) == (code, True)


@pytest.mark.parametrize("text", ["", f"{SECRET}\nmore", f"{SECRET}ä", f"{SECRET} more"])
def test_a_token_file_that_holds_none_is_named_and_never_shown(tmp_path: Path, text: str) -> None:
    with console(tmp_path, StandInDesk()) as here:
        spoil(token=text)(here.home)
        done = here("health")
    assert (done.exit_code, "token: holds no token" in said(done)) == (2, True)


def test_a_ca_that_is_no_certificate_is_named(tmp_path: Path) -> None:
    with console(tmp_path, StandInDesk()) as here:
        spoil(context__toml='api = "https://127.0.0.1:9"\n', server_ca__pem="x")(here.home)
        done = here("health")
    assert (done.exit_code, "server_ca.pem" in said(done)) == (2, True)


@pytest.mark.parametrize(
    ("words", "names"),
    [
        (("rollout", "pause", "r-1", "--reason", " "), "say why"),
        (("rollback", "--to", "1", "--reason", "x"), "--all and --channel"),
        (("release", "create", "--version", "a b", "--config", __file__), "--version"),
        (("release", "create", "--version", "1", "--config", __file__), ".toml or .json"),
        (("release", "create", "--version", "1", "--config", "nowhere.toml"), "nowhere.toml"),
        (("device", "list", "--standing", "upright"), "in_step"),
        (("device", "list", "--limit", "0"), "--limit"),
        (("fleet", "init", "--data", "d", "--operator", "o", "--name", "a b"), "--name"),
        (("token", "create", "--uses", "0"), "--uses"),
        (("health", "--max-cpu", "200"), "--max-cpu"),
    ],
)
def test_wrong_words_exit_2_and_are_named(tmp_path: Path, words: tuple[str, ...], names: str) -> None:
    with console(tmp_path, StandInDesk()) as here:
        done = here(*words)
    assert (done.exit_code, names in said(done)) == (2, True)


def test_what_is_wrong_within_a_file_is_said_with_its_name(tmp_path: Path) -> None:
    wrong = tmp_path / "wrong.json"
    wrong.write_text("nope")
    with console(tmp_path / "home", StandInDesk()) as here:
        for words in (
            ("release", "diff", str(wrong), str(wrong)),
            ("release", "create", "--version", "1", "--config", str(wrong)),
            ("trust", "publish", str(wrong)),
        ):
            done = here(*words)
            assert (done.exit_code, str(wrong) in said(done)) == (1, True), words


def test_nothing_drifted_is_nothing_to_ask_about(tmp_path: Path) -> None:
    with console(tmp_path, StandInDesk()) as here:
        done = here("drift", "remediate", "--reason", "x", "-o", "json")
    assert (done.exit_code, done.stdout, "no device drifted" in done.stderr) == (0, "[]\n", True)


@pytest.mark.parametrize("words", [("rollout", "watch"), ("token", "create"), ("attention",), ("channel", "list")])
def test_data_is_alone_on_stdout(tmp_path: Path, words: tuple[str, ...]) -> None:
    with console(tmp_path, StandInDesk()) as here:
        assert here.json(*words)
