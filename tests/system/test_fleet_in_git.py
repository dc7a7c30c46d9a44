"""The fleet in git, as its page shows it: the page's files, commands and CI job, against a real controller."""

from __future__ import annotations

import json
import os
import re
import shlex
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest
import yaml

from pyv_fleet.client import Conflict
from running.controller import Controller, controller
from running.demo import BIN, until

PAGE = Path(__file__).resolve().parents[2] / "docs" / "how-to" / "fleet-in-git.md"
BLOCK = re.compile(r"^```(\w+)\n(.*?)^```", re.MULTILINE | re.DOTALL)
BLOCKS = BLOCK.findall(PAGE.read_text())
FILES = {
    found[1]: text for kind, text in BLOCKS if kind == "yaml" and (found := re.match(r"# (\S+/\S+\.yaml)\n", text))
}
COMMANDS = [
    line.removeprefix("$ ")
    for kind, text in BLOCKS
    if kind == "console"
    for line in text.splitlines()
    if line.startswith("$ ")
]
JOBS: dict[str, dict[str, list[str]]] = yaml.safe_load(next(text for kind, text in BLOCKS if "script:" in text))
CONFIG = '[logging]\nlevel = "INFO"\n'


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Controller]:
    """With the page's files, the release that they name, and two devices in Berlin that run an earlier one."""
    with controller(tmp_path_factory.mktemp("git")) as up:
        (up.folder / "config.toml").write_text(CONFIG)
        for version in ("2026.10.1", "2026.11.1"):
            made = ("release", "create", "--version", version, "--open", "/logging", "--gate-hold", "0")
            up.cli(*made, "--config", str(up.folder / "config.toml"))
        for name, text in FILES.items():
            place = up.folder / "fleet" / name
            place.parent.mkdir(parents=True, exist_ok=True)
            place.write_text(text)
        crowd = simulated(up)
        first = ("rollout", "create", "--channel", "stable", "--release", "2026.10.1", "--wave", "100%", "--soak", "0")
        up.cli(*first, "--reason", "the first", "--timeout", "60")
        yield up
        crowd.send_signal(signal.SIGTERM)
        crowd.wait(30)


def simulated(up: Controller) -> subprocess.Popen[bytes]:
    up.cli("token", "create", "--uses", "2", "--label", "site=berlin", "--out", str(up.folder / "token"))
    ready = up.folder / "ready"
    with (up.folder / "simulated.log").open("wb") as log:
        crowd = subprocess.Popen(
            [BIN / "pyv-fleet", "simulate", "--api", up.ready["api"], "--token-file", up.folder / "token",
             "--count", "2", "--dir", up.folder / "simulated", "--ready-file", ready],
            stdout=log, stderr=log, start_new_session=True,
        )  # fmt: skip
    until(ready.exists, within=60, what="the devices are enrolled")
    return crowd


def shell(up: Controller, line: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["sh", "-c", line], cwd=up.folder, capture_output=True, text=True, timeout=60, check=False,
        env={**os.environ, "PATH": f"{BIN}:{os.environ['PATH']}", "PYV_FLEET_HOME": str(up.operator),
             "CI_COMMIT_TITLE": "Berlin is noisy"},
    )  # fmt: skip


def acts(up: Controller) -> dict[str, str]:
    found: list[dict[str, Any]] = json.loads(
        up.cli("apply", "-f", str(up.folder / "fleet"), "--reason", "again", "-o", "json").stdout
    )
    return {one["kind"]: one["act"] for one in found}


def test_1_the_pages_jobs_show_the_difference_make_it_and_then_there_is_none(running: Controller) -> None:
    (shown,), (made,) = JOBS["diff"]["script"], JOBS["apply"]["script"]
    assert shell(running, shown).returncode == 0
    seen = (running.folder / "difference.txt").read_text()
    assert all(one in seen for one in ("policy/careful", "channel/stable", "group/berlin", "rollout/stable-2026.11.1"))
    done = shell(running, made)
    assert done.returncode == 0, done.stderr
    assert shell(running, "pyv-fleet diff -f fleet/").returncode == 0
    assert acts(running) == dict.fromkeys(("Policy", "Channel", "Group", "Rollout"), "unchanged")
    assert "Berlin is noisy" in running.cli("audit", "list").stdout


def test_2_what_stands_written_out_is_what_stands(running: Controller) -> None:
    assert shell(running, "pyv-fleet get all -o yaml | pyv-fleet diff -f -").returncode == 0


def test_3_the_pages_commands_do_what_it_says(running: Controller) -> None:
    codes = []
    for line in COMMANDS:
        if "rollout watch" in line:
            line += " --timeout 0"
        if "delete rollout" in line:
            assert "end it first" in shell(running, line).stderr
            running.cli("rollout", "abort", "stable-2026.11.1", "--stay", "--reason", "tour")
        codes.append((shlex.split(line)[1], shell(running, line).returncode))
    assert codes == [("diff", 0), ("apply", 0), ("rollout", 8), ("delete", 0), ("delete", 0)]


def test_4_two_writers_at_once_and_neither_is_lost_unseen(running: Controller) -> None:
    with running.client() as client:
        seen = client.channel("stable")
        client.put_channel("stable", msgspec.structs.replace(seen.terms, report_seconds=77), seen=seen.etag)
        with pytest.raises(Conflict, match="not what you saw"):
            client.put_channel("stable", seen.terms, seen=seen.etag)
        with pytest.raises(Conflict, match="there already"):
            client.put_channel("stable", seen.terms, seen="")
        assert client.channel("stable").terms.report_seconds == 77
