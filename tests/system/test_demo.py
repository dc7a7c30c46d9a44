"""The demo as a program: it comes up, it ends when told, and whatever kills it, no process is left behind."""

from __future__ import annotations

import os
import signal
import sqlite3
import subprocess
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import pytest

from running.demo import (
    BIN,
    Demo,
    demo_argv,
    left_of,
    make_argv,
    spawn_demo,
    start_demo,
    until,
    words_of,
)

pytestmark = pytest.mark.timeout(180)

FEW = ("--devices", "5")


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[Path]:
    """A demo's surroundings; whatever a failed test left running there is killed."""
    yield tmp_path
    _kill_all(tmp_path)


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Demo]:
    """One small demo by `make demo` for the tests that need no other; the last of them ends it."""
    directory = tmp_path_factory.mktemp("made")
    yield start_demo(directory, argv=make_argv(directory, *FEW))
    _kill_all(directory)


def test_a_second_demo_in_the_same_folder_is_refused(made: Demo) -> None:
    before = set(left_of(made.directory))
    second = subprocess.run(
        demo_argv(made.directory.parent, *FEW), capture_output=True, text=True, timeout=30, check=False
    )
    assert second.returncode == 1
    assert "a demo runs in" in second.stderr
    assert "--dir" in second.stderr
    assert set(left_of(made.directory)) == before


def test_what_the_sensors_read_reaches_the_controller(made: Demo) -> None:
    until(
        lambda: all(agent.health()["cloud"]["messages_sent_today"] > 0 for agent in made.agents),
        within=30,
        what="every agent's outbound queue was taken",
    )
    until(
        lambda: all(agent.health()["cloud"]["queue_depth"] < 100 for agent in made.agents),
        within=30,
        what="the queues stay short",
    )
    with closing(sqlite3.connect(f"file:{made.directory / 'controller' / 'fleet.db'}?mode=ro", uri=True)) as store:
        assert store.execute("SELECT count(*) FROM ingest_batches").fetchone()[0] > 0


def test_the_controller_polls_the_agents_where_it_was_told_to(made: Demo) -> None:
    def polled() -> list[dict[str, object] | None]:
        return [made.device(agent.id)["polled"] for agent in made.agents]

    until(lambda: [one["outcome"] for one in polled() if one] == ["answered"] * 3, within=20, what="all answer")
    shown = {one["device_id"]: f"{one['ip']}:{one['port']}" for one in made.json("health")["devices"]}
    for agent in made.agents:
        assert shown[agent.id] in agent.health_url
    hung = made.agents[1]
    os.kill(hung.pid, signal.SIGSTOP)
    try:
        until(lambda: made.device(hung.id)["polled"]["outcome"] == "timeout", within=30, what="the poller sees it hang")
        until(
            lambda: any(one["device_id"] == hung.id for one in made.json("attention", "--max-cpu", "100")),
            within=20,
            what="it needs attention",
        )
    finally:
        os.kill(hung.pid, signal.SIGCONT)
    until(lambda: made.json("health")["healthy_count"] == 8, within=40, what="it is back")


def test_a_broker_that_dies_is_started_again_by_the_controller(made: Demo) -> None:
    first = made.json("fleet", "show")["broker_pid"]
    os.kill(first, signal.SIGKILL)
    until(
        lambda: made.json("fleet", "show").get("broker_pid") not in (None, first),
        within=15,
        what="another broker in its place",
    )
    until(lambda: made.json("health")["healthy_count"] == 8, within=40, what="all devices are back")


def test_a_killed_agent_stays_dead_and_the_demo_goes_on(made: Demo) -> None:
    killed = made.agents[0]
    os.kill(killed.pid, signal.SIGKILL)
    until(lambda: made.device(killed.id)["connectivity"] != "online", within=30, what="the fleet misses it")
    assert not left_of(killed.state_dir)
    assert made.process.poll() is None


def test_ctrl_c_ends_everything(made: Demo) -> None:
    os.killpg(made.process.pid, signal.SIGINT)  # as a terminal does: to make and the demo alike
    made.process.wait(timeout=30)
    _none_left(made.directory)
    assert "stopping" in words_of(made.directory.parent)


def test_it_ends_by_itself_with_0_when_the_fleet_is_healthy(folder: Path) -> None:
    process = spawn_demo(folder, demo_argv(folder, *FEW, "--for", "1"))
    assert process.wait(timeout=120) == 0, words_of(folder)
    assert "The demo is up" in words_of(folder)
    _none_left(folder)


def test_it_ends_with_1_and_the_reason_when_the_fleet_is_not(folder: Path) -> None:
    demo = start_demo(folder, *FEW, "--for", "6")
    os.kill(demo.agents[1].pid, signal.SIGKILL)
    assert demo.process.wait(timeout=60) == 1, words_of(folder)
    assert "did not become healthy within 6 s" in words_of(folder)
    assert f"{demo.agents[1].id}: " in words_of(folder)
    _none_left(folder)


def test_a_sigterm_while_it_starts_ends_what_runs_already(folder: Path) -> None:
    process = spawn_demo(folder, demo_argv(folder, *FEW))
    until(lambda: len(left_of(folder / "demo" / "controller")) > 1, within=60, what="controller and broker run")
    process.send_signal(signal.SIGTERM)
    assert process.wait(timeout=90) == 0, words_of(folder)
    _none_left(folder)


@pytest.mark.parametrize("argv", [demo_argv, make_argv], ids=["the demo", "make"])
def test_kill_9_leaves_no_process(folder: Path, argv: Callable[..., list[str]]) -> None:
    demo = start_demo(folder, argv=argv(folder, *FEW))
    os.kill(demo.agents[0].pid, signal.SIGSTOP)  # one that heeds no SIGTERM
    assert len(left_of(folder)) >= 7, "demo, controller, broker, three agents, simulator"
    demo.process.kill()
    demo.process.wait()
    _none_left(folder)


def test_a_killed_controller_takes_its_broker_along_and_ends_the_demo_with_the_reason(folder: Path) -> None:
    demo = start_demo(folder, *FEW)
    broker = Path(f"/proc/{demo.json('fleet', 'show')['broker_pid']}")
    assert broker.exists()
    os.kill(demo.facts["controller_pid"], signal.SIGKILL)
    until(lambda: not _runs(broker), within=10, what="the broker went with its controller")
    assert demo.process.wait(timeout=30) == 1
    assert "the controller ended" in words_of(folder)
    _none_left(folder)


def test_a_folder_with_foreign_files_is_refused_and_left_as_it_is(folder: Path) -> None:
    mine = folder / "demo" / "letters.txt"
    mine.parent.mkdir()
    mine.write_text("dear\n")
    refused = subprocess.run(demo_argv(folder), capture_output=True, text=True, timeout=30, check=False)
    assert refused.returncode == 1
    assert "letters.txt" in refused.stderr
    assert mine.read_text() == "dear\n"
    _none_left(folder)


@pytest.mark.parametrize(("words", "named"), [(("--devices", "-1"), "--devices"), (("--for", "soon"), "--for")])
def test_a_wrong_argument_is_named_and_starts_nothing(folder: Path, words: tuple[str, ...], named: str) -> None:
    refused = subprocess.run(
        [str(BIN / "pyv-fleet"), "demo", "--dir", str(folder / "demo"), *words],
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )
    assert refused.returncode == 2
    assert named in refused.stderr
    assert not (folder / "demo").exists()


def _runs(process: Path) -> bool:
    """Whether the process of this /proc entry lives: one that nobody has waited for yet does not."""
    try:
        return "\nState:\tZ" not in (process / "status").read_text()
    except OSError:
        return False


def _none_left(folder: Path) -> None:
    until(lambda: not left_of(folder), within=15, what="no process of the demo is left")


def _kill_all(folder: Path) -> None:
    for line in left_of(folder):
        os.kill(int(line.partition(" ")[0]), signal.SIGKILL)
