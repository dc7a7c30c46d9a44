"""Looking at a device from its console, with a running agent's verbs behind the socket and without an agent."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest
from click.testing import CliRunner, Result

from pyv_edge_agent.cli import main
from pyv_edge_agent.cli.remembering import parse_since
from pyv_edge_agent.control import ControlServer, NotFound
from pyv_edge_agent.core import events as ev
from pyv_edge_agent.core.history import Line
from pyv_edge_agent.core.memory import Memory, State, Tried, parts
from pyv_edge_agent.core.status import status_of
from pyv_edge_agent.disk.history import History
from pyv_edge_agent.disk.journal import Journal
from pyv_edge_agent.updater import read_memory
from pyvorin_edge.identity import Digest
from pyvorin_edge.orders import EMPTY_OVERLAY
from pyvorin_edge.vocabulary import Cause, Happening, Outcome
from running.brain import DEVICE, Bench, an_installed

ONE = b"[windows]\ndefault_size = 1\n"
TWO = b"[windows]\ndefault_size = 2\n"
BAD = Tried(
    release=Digest("c" * 64), overlay=EMPTY_OVERLAY, attempt=1, outcome=Outcome.FAILED, code=Cause.GATE, tries=1,
    switched=True,
)  # fmt: skip


def run(root: Path, *words: str, code: int = 0) -> Result:
    result = CliRunner().invoke(main, [*words, "--state-dir", str(root)])
    assert result.exit_code == code, f"{result.exit_code}: {result.output} {result.exception!r}"
    assert "Traceback" not in result.output
    return result


class Agent:
    """Answers as a running agent does; `status` may be set."""

    def __init__(self, root: Path) -> None:
        self.root = root
        bench = Bench()
        bench.connect()
        bench.assign()
        bench.settle_on(bench.release("1.0", ONE), ONE)
        self.bench = bench
        self.answers: dict[str, Any] = {}
        self.server = ControlServer(
            root / "agent.sock",
            {
                "status": lambda args: self.status(),
                "health": lambda args: self.answers["health"],
                "drift": lambda args: self.answers["drift"],
                "rollback": self.rollback,
            },
        )
        self.server.start()

    def status(self) -> dict[str, Any]:
        said: dict[str, Any] = msgspec.to_builtins(status_of(self.bench.device))
        return {**said, "running": True, "trouble": None, "config": "c.toml", **self.answers.get("status", {})}

    def rollback(self, args: Any) -> dict[str, Any]:
        if args.get("version") not in ("1.0", None):
            raise NotFound(f"release {args['version']!r} is not held here; held: 1.0")
        return {**self.status(), "version": "1.0"}


@pytest.fixture
def agent(tmp_path: Path) -> Iterator[Agent]:
    made = Agent(tmp_path)
    yield made
    made.server.stop()


@pytest.fixture
def asleep(tmp_path: Path) -> Path:
    """A state directory whose agent does not run."""
    memory = Memory(
        committed=an_installed("b"), previous=(an_installed("a"),), quarantine=(BAD,), state=State(boot=3, fleet="acme")
    )
    Journal(tmp_path).write(parts(memory))
    (tmp_path / "device_id").write_text("FLEET-1\n")
    (tmp_path / "config.toml").write_bytes(b"[health]\nport = 99999\n")
    History(tmp_path).append(
        (Line(at=0, synced=False, boot=3, uptime_seconds=0.0, kind=Happening.STARTED, text="start 3"),), durably=False
    )
    return tmp_path


def test_status_speaks_in_sentences_to_people_and_whole_to_programs(agent: Agent) -> None:
    text = run(agent.root, "status").stdout
    assert f"{DEVICE}, fleet" in text
    assert "running    release 1.0" in text
    assert "it passed its gate" in text
    assert json.loads(run(agent.root, "status", "--json").stdout)["device_id"] == DEVICE


def test_an_update_under_way_says_what_it_waits_for_and_how_its_gate_goes(agent: Agent) -> None:
    bench = agent.bench
    target = bench.release("2.0", TWO)
    bench.direct(target)
    bench.feed(ev.Ticked(), after=60.0)
    bench.install(target, TWO)
    bench.feed(ev.HealthSeen({"status": "degraded"}), after=1.0)
    text = run(agent.root, "update", "status").stdout
    assert "to 2.0, attempt 2: proving, the target runs and must prove itself" in text
    assert "not good: status is degraded" in text
    assert "still proving" in run(agent.root, "update", "wait", "--timeout", "0", code=8).stderr


def test_waiting_ends_by_how_the_update_ended(agent: Agent) -> None:
    run(agent.root, "update", "wait")
    result = {**agent.status()["result"], "outcome": "failed", "code": "gate"}
    agent.answers["status"] = {"result": result}
    assert "FAILED: " in run(agent.root, "update", "wait", code=7).stdout


@pytest.mark.parametrize(("status", "code"), [("healthy", 0), ("degraded", 3), ("unhealthy", 3)])
def test_health_exits_by_its_status(agent: Agent, status: str, code: int) -> None:
    agent.answers["health"] = {"status": status, "metrics": {"cpu_percent": 1.5}}
    assert "metrics.cpu_percent" in run(agent.root, "health", code=code).stdout
    assert json.loads(run(agent.root, "health", "--json", code=code).stdout)["status"] == status


@pytest.mark.parametrize(("standing", "code"), [("in_step", 0), ("lagging", 0), ("drifted", 3), ("both", 3)])
def test_drift_exits_by_its_standing_and_shows_values(agent: Agent, standing: str, code: int) -> None:
    changes = [{"path": "/health/port", "applied": "8080", "live": None}]
    agent.answers["drift"] = {
        "standing": standing, "kinds": ["edited"], "paths": ["/health/port"], "changes": changes, "more": 2,
    }  # fmt: skip
    said = run(agent.root, "drift", code=code).stdout
    assert "/health/port: applied 8080, live nothing" in said
    assert "and 2 more" in said


@pytest.mark.parametrize(
    ("path", "text", "said"),
    [
        ("/cloud/api_key", '"[redacted]"', "secret changed"),
        ("/cloud/api_key", '"${KEY}"', "secret changed"),
        ("/cloud/endpoint", '"${file:/run/endpoint}"', "secret changed"),
        ("/cloud/endpoint", '"${HOST}"', 'what "${HOST}" stands for changed'),
    ],
)
def test_drift_of_a_secret_says_that_and_no_more(agent: Agent, path: str, text: str, said: str) -> None:
    changes = [{"path": path, "applied": text, "live": text}]
    agent.answers["drift"] = {
        "standing": "drifted", "kinds": ["environment"], "paths": [path], "changes": changes, "more": 0,
    }  # fmt: skip
    assert f"{path}: {said}\n" in run(agent.root, "drift", code=3).stdout


def test_a_rollback_is_by_version_or_to_the_one_before(agent: Agent) -> None:
    assert "going back to 1.0" in run(agent.root, "rollback", "1.0").stdout
    assert "going back to 1.0" in run(agent.root, "rollback", "--to", "previous").stdout
    assert "held: 1.0" in run(agent.root, "rollback", "9.9", code=5).stderr
    run(agent.root, "rollback", "1.0", "--wait", "5")
    run(agent.root, "rollback", code=2)
    run(agent.root, "rollback", "1.0", "--to", "previous", code=2)


def test_an_older_agent_is_named_as_such(agent: Agent) -> None:
    assert "older than this command" in run(agent.root, "update", "retry", "cccccccc", code=1).stderr


@pytest.mark.parametrize("words", [("health",)])
def test_what_needs_an_agent_says_that_none_runs(asleep: Path, words: tuple[str, ...]) -> None:
    assert "no agent runs" in run(asleep, *words, code=1).stderr


def test_a_dead_device_says_what_is_wrong_with_it(asleep: Path) -> None:
    said = run(asleep, "status", code=1)
    assert "no agent runs" in said.stderr
    assert "DOES NOT ANSWER" in said.stdout
    assert "/health/port" in said.stdout
    assert "barred     cccccccccccc: failed" in said.stdout
    assert "start 3" in said.stdout
    found = json.loads(run(asleep, "status", "--json", code=1).stdout)
    assert (found["running"], found["boot"]) == (False, 3)


def test_drift_needs_no_agent(asleep: Path) -> None:
    (asleep / "config.toml").write_bytes(ONE)
    said = run(asleep, "drift", code=3)
    assert "no agent runs" in said.stderr
    assert "the document" in said.stdout or "/windows" in said.stdout


def test_what_is_decided_without_an_agent_waits_for_the_next_start(asleep: Path) -> None:
    assert "out of quarantine" in run(asleep, "update", "retry", "cccccccc").stdout
    assert "in quarantine: none" in run(asleep, "update", "retry", "cccccccc", code=5).stderr
    assert "obeyed by the next start" in run(asleep, "rollback", "--to", "previous").stderr
    memory = read_memory(Journal(asleep))
    assert memory.local is not None
    assert (memory.local.release, memory.quarantine) == ("a" * 64, ())
    assert "held: b.0, a.0" in run(asleep, "rollback", "7.7", code=5).stderr


def test_history_is_shown_to_people_and_programs(asleep: Path) -> None:
    assert "(clock not synchronised)  the agent started: start 3" in run(asleep, "history").stdout
    assert json.loads(run(asleep, "history", "--json").stdout)["kind"] == "started"
    assert run(asleep, "history", "--since", "1h").stdout == ""
    run(asleep, "history", "--since", "yesterday", code=2)


def test_since_reads_spans_and_moments() -> None:
    assert parse_since("2h", 10_000_000) == 10_000_000 - 7_200_000
    assert parse_since("1970-01-01T00:00:01Z", 0) == parse_since("1970-01-01T00:00:01", 0) == 1000


def test_diag_writes_one_private_file_and_never_over_another(asleep: Path) -> None:
    out = asleep / "support.tar.gz"
    said = run(asleep, "diag", "--out", str(out))
    assert said.stdout == f"{out}\n"
    assert "without health.json" in said.stderr
    assert out.stat().st_mode & 0o777 == 0o600
    assert "is there already" in run(asleep, "diag", "--out", str(out), code=6).stderr
    assert "cannot be written" in run(asleep, "diag", "--out", str(asleep / "no" / "file"), code=1).stderr


def test_a_directory_that_is_not_there_is_said_so(tmp_path: Path) -> None:
    for words in (("status",), ("health",), ("drift",), ("update", "status"), ("rollback", "1.0"), ("history",)):
        run(tmp_path / "nowhere", *words, code=1)
