"""`queue`: looks at the file without an agent, sends by itself if none runs, shows no secret and breaks nothing."""

from __future__ import annotations

import http.server
import json
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from pyv_edge_agent.cli import main
from pyv_edge_agent.cloud_sync.queue import CloudSyncQueue, Priority


class Cloud(http.server.ThreadingHTTPServer):
    status = 200

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.items: list[Any] = []


class Handler(http.server.BaseHTTPRequestHandler):
    server: Cloud

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        status = 422 if "bad" in body["items"] else self.server.status
        if status == 200:
            self.server.items += body["items"]
        self.send_response(status)
        self.end_headers()

    def log_message(self, format: str, *args: Any) -> None:
        pass


@pytest.fixture
def cloud() -> Iterator[Cloud]:
    with Cloud() as server:
        threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
        yield server
        server.shutdown()


def fill(state: Path, *payloads: Any) -> None:
    queue = CloudSyncQueue(state / "sync_queue.db")
    for payload in payloads:
        queue.enqueue(payload, Priority.ANOMALY)
    queue.close()


def run(state: Path, *words: str) -> Result:
    return CliRunner().invoke(main, ["queue", *words, "--state-dir", str(state)])


def answer(state: Path, *words: str) -> Any:
    result = run(state, *words, "--json")
    return json.loads(result.output)


def configure(state: Path, cloud: Cloud) -> None:
    (state / "config.toml").write_text(
        f'[cloud]\nenabled = true\nendpoint = "http://127.0.0.1:{cloud.server_port}/"\napi_key = "${{THE_KEY}}"\n'
    )
    (state / "env").write_text("THE_KEY=very-secret\n")


def test_stats_and_peek_work_on_the_file_alone_and_take_nothing(tmp_path: Path) -> None:
    fill(tmp_path, {"a": 1}, "two")
    stats = answer(tmp_path, "stats")
    assert (stats["depth"], "breaker" in stats) == (2, False)
    assert [item["payload"] for item in answer(tmp_path, "peek")] == [{"a": 1}, "two"]
    assert '"two"' in run(tmp_path, "peek").output
    assert "2 anomaly" in run(tmp_path, "stats").output
    assert answer(tmp_path, "stats")["depth"] == 2


def test_where_no_agent_ever_ran_nothing_is_made(tmp_path: Path) -> None:
    result = run(tmp_path, "stats")
    assert (result.exit_code, "no agent has run" in result.output) == (1, True)
    assert list(tmp_path.iterdir()) == []


def test_a_broken_file_is_told_and_left_for_the_agent(tmp_path: Path) -> None:
    (tmp_path / "sync_queue.db").write_bytes(b"no database" * 1000)
    result = run(tmp_path, "stats")
    assert (result.exit_code, "not a database" in result.output) == (1, True)
    assert [one.name for one in tmp_path.iterdir()] == ["sync_queue.db"]


def test_without_an_agent_flush_sends_by_itself_and_never_says_the_key(tmp_path: Path, cloud: Cloud) -> None:
    configure(tmp_path, cloud)
    fill(tmp_path, "a", "b")
    result = run(tmp_path, "flush")
    assert (result.exit_code, cloud.items) == (0, ["a", "b"])
    cloud.status = 401
    fill(tmp_path, "c")
    failed = run(tmp_path, "flush")
    assert (failed.exit_code, "api_key" in failed.output) == (1, True)
    assert "very-secret" not in result.output + failed.output + run(tmp_path, "stats").output


def test_dead_letters_are_listed_sent_again_and_forgotten(tmp_path: Path, cloud: Cloud) -> None:
    configure(tmp_path, cloud)
    fill(tmp_path, "good", "bad")
    run(tmp_path, "flush")
    [letter] = answer(tmp_path, "dead-letters", "list")
    assert (letter["payload"], letter["reason"]) == ("bad", "the endpoint answered 422")
    assert "422" in run(tmp_path, "dead-letters", "list").output
    assert answer(tmp_path, "dead-letters", "retry", str(letter["id"])) == {"retried": 1}
    run(tmp_path, "flush")
    assert answer(tmp_path, "dead-letters", "purge", "--all") == {"purged": 1}
    assert answer(tmp_path, "dead-letters", "list") == []


def test_neither_all_nor_some_is_a_wrong_use(tmp_path: Path) -> None:
    fill(tmp_path, "a")
    assert run(tmp_path, "dead-letters", "purge").exit_code == 2
    assert run(tmp_path, "dead-letters", "retry", "1", "--all").exit_code == 2


def test_a_cloud_that_is_off_is_told(tmp_path: Path) -> None:
    fill(tmp_path, "a")
    (tmp_path / "config.toml").write_text("")
    result = run(tmp_path, "flush")
    assert (result.exit_code, "cloud.enabled is false" in result.output) == (1, True)
