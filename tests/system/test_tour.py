"""The five-minute tour against a running demo; each step asserts on what the real agents did."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import time
import tomllib
from pathlib import Path
from typing import Any

import pytest
import tomli_w

from running.demo import BIN, Agent, Demo, until

#: PROTOCOL 6: after the controller's own connection came back a will does not count for reconnect_seconds (5)
#: and 1.5 keepalives (5), since mosquitto publishes everybody's will when it stops
WILL_GRACE_SECONDS = 5 + 1.5 * 5 + 1
BROKER_RESTARTED = [0.0]
STEADY_SECONDS = 11
ALL_BACK = [0.0]

pytestmark = pytest.mark.timeout(240)


def edited(agent: Agent, change: dict[str, Any], to: Path) -> Path:
    """The agent's committed config with `change` merged into section tables, as a new file."""
    document = tomllib.loads(agent.config.read_text())
    for section, keys in change.items():
        document.setdefault(section, {}).update(keys)
    to.write_text(tomli_w.dumps(document))
    return to


def runs(agents: list[Agent], version: str) -> bool:
    """Whether every agent says itself that it has settled on `version`."""
    return all(
        fleet["release"] == version and fleet["phase"] == "settled" for fleet in (agent.fleet() for agent in agents)
    )


def applied_count(agent: Agent) -> int:
    """How often the agent put a config in force, by its own log."""
    log = (agent.state_dir.parent.parent / "log" / f"{agent.state_dir.name}.log").read_text()
    return len(re.findall(r"committed ", log))


def test_1_a_fourth_agent_is_provisioned_with_one_command_and_joins_within_5_s(demo: Demo) -> None:
    state = demo.directory / "agents" / "demo-4"
    made = demo.json(
        "device", "provision", "--serial", "demo-4", "--out", str(state), "--label", "kind=real", "--label", "site=lab"
    )
    anchor = json.loads((state / "trust_anchor.json").read_text())
    assert list(anchor) == ["public_key"]
    assert re.fullmatch(r"[0-9a-f]{64}", anchor["public_key"])
    assert (state / "device.key").stat().st_mode & 0o077 == 0
    tomllib.loads((state / "config.toml").read_text())
    host = until(lambda: next((h for h in _hosts() if _is_free(h)), None), within=1, what="a free loopback address")
    child = subprocess.Popen(
        [str(BIN / "pyv-edge-agent"), "run", "--state-dir", str(state), "--health-host", host],
        stdout=(demo.directory / "log" / "demo-4.log").open("wb"),
        stderr=subprocess.STDOUT,
        start_new_session=True,
    )
    agent = Agent(made["device_id"], child.pid, state, state / "config.toml", f"http://{host}:8080/health")
    demo.agents.append(agent)
    seen = until(
        lambda: next((d for d in [demo.device(agent.id)] if d["connectivity"] == "online"), None),
        within=5,
        what="the fourth agent reports",
    )
    assert seen["labels"] == {"kind": "real", "site": "lab"}
    until(lambda: runs([agent], "1.0"), within=20, what="it runs the channel's release")


def test_2_a_release_reaches_every_device_by_a_canary_and_a_refresh_changes_nothing(demo: Demo, tmp_path: Path) -> None:
    config = edited(demo.agents[0], {"sensors": {"poll_interval_seconds": 2.0}}, tmp_path / "config.toml")
    demo.cli(
        "release", "create", "--version", "1.1", "--config", str(config), "--gate-within", "15", "--gate-hold", "2"
    )
    rollout = demo.json(
        "rollout", "create", "--channel", "stable", "--release", "1.1", "--wave", "1%", "--wave", "100%",
        "--soak", "1", "--reason", "tour", "--wait", "--timeout", "80",
    )  # fmt: skip
    assert rollout["state"] == "completed"
    assert [wave["devices"] for wave in rollout["waves"]] == [1, 104]
    until(lambda: runs(demo.agents, "1.1"), within=10, what="all real agents run 1.1")
    golden = demo.json("release", "show", "1.1")["golden_hash"]
    assert {agent.config_hash() for agent in demo.agents} == {golden}
    assert {agent.config.read_bytes() for agent in demo.agents} == {config.read_bytes()}
    until(lambda: demo.json("health")["healthy_count"] == 104, within=20, what="the whole fleet is healthy")
    before = {agent.id: (applied_count(agent), agent.config.stat().st_mtime_ns) for agent in demo.agents}
    generation = demo.json("channel", "show", "stable")["generation"]
    demo.cli("channel", "refresh", "stable", "--reason", "tour")
    until(
        lambda: all(agent.fleet()["generation"] > generation for agent in demo.agents),
        within=15,
        what="the refreshed directive was heard",
    )
    after = {agent.id: (applied_count(agent), agent.config.stat().st_mtime_ns) for agent in demo.agents}
    assert after == before


def test_3_a_wrong_config_is_refused_and_a_bad_one_stops_at_one_real_canary(demo: Demo, tmp_path: Path) -> None:
    broken = tmp_path / "broken.toml"
    broken.write_text("[sensors\npoll_interval_seconds = 1")
    said = demo.cli("release", "create", "--version", "1.2-broken", "--config", str(broken), code=1)
    assert "Traceback" not in said.stderr
    assert "line 1" in said.stderr
    senseless = edited(demo.agents[0], {"health": {"port": 99_999_999}}, tmp_path / "senseless.toml")
    said = demo.cli("release", "create", "--version", "1.2-senseless", "--config", str(senseless), code=1)
    assert "/health/port" in said.stderr

    demo.cli("release", "create", "--version", "1.2-forced", "--config", str(senseless), "--skip-validation")
    forced = demo.json(
        "rollout", "create", "--channel", "stable", "--release", "1.2-forced", "--wave", "kind=real:1",
        "--wave", "100%", "--soak", "1", "--reason", "forced", "--timeout", "60", code=7,
    )  # fmt: skip
    assert forced["state"] == "reverted"
    assert forced["waves"][0]["failed"] == 1

    before = {agent.id: agent.config.read_bytes() for agent in demo.agents}
    sick = edited(demo.agents[0], {}, tmp_path / "sick.toml")
    document = tomllib.loads(sick.read_text())
    document["sensors"]["devices"][0]["fail_after_seconds"] = 1.0
    sick.write_text(tomli_w.dumps(document))
    demo.cli("release", "create", "--version", "1.2", "--config", str(sick), "--gate-within", "6", "--gate-hold", "3")
    done = demo.cli(
        "rollout", "create", "--channel", "stable", "--release", "1.2", "--wave", "kind=real:1", "--wave", "100%",
        "--soak", "1", "--reason", "tour", "--wait", "--timeout", "80", "-o", "json", code=7,
    )  # fmt: skip
    rollout = json.loads(done.stdout)
    assert rollout["state"] == "reverted"
    assert rollout["waves"][0]["devices"] == 1
    assert rollout["waves"][1]["state"] == "pending"
    canaries = [agent for agent in demo.agents if agent.id in rollout["because"]]
    assert len(canaries) == 1, rollout["because"]
    assert "gate" in rollout["because"]
    assert rollout["because"] in done.stderr
    until(lambda: runs(demo.agents, "1.1"), within=20, what="every real agent is on 1.1")
    assert {agent.id: agent.config.read_bytes() for agent in demo.agents} == before
    touched = [agent.id for agent in demo.agents if (agent.state_dir / "quarantine").exists()
               and rollout["release"] in (agent.state_dir / "quarantine").read_text()]  # fmt: skip
    assert touched == [canaries[0].id]
    simulated = demo.json("device", "list", "--label", "kind=simulated", "--limit", "200")["items"]
    assert len(simulated) == 100
    assert all(one["result"]["release"] != rollout["release"] for one in simulated)


def test_4_a_hand_edit_shows_as_drift_within_5_s_and_is_remediated(demo: Demo, tmp_path: Path) -> None:
    agent = demo.agents[1]
    golden = agent.config.read_bytes()
    agent.config.write_bytes(golden.replace(b"poll_interval_seconds = 2.0", b"poll_interval_seconds = 3.5"))
    assert agent.config.read_bytes() != golden

    def drifted() -> dict[str, Any] | None:
        return next((one for one in demo.json("drift", "list") if one["device_id"] == agent.id), None)

    seen = until(drifted, within=5, what="the device shows as drifted")
    assert seen["paths"] == ["/sensors/poll_interval_seconds"]
    assert demo.cli("drift", "check", code=3).returncode == 3
    shown = demo.json("drift", "show", agent.id)
    (diff,) = [one for one in shown["diffs"] if one["pointer"] == "/sensors/poll_interval_seconds"]
    assert (diff["golden"], diff["applied"], diff["live"]) == (2.0, 2.0, 3.5)
    assert diff["source"]["layer"].startswith("release ")
    # the release does not open it: to keep it needs another release
    demo.cli("drift", "adopt", agent.id, "--check", code=3)
    demo.cli("drift", "adopt", agent.id, "--reason", "tour", "--yes", "--expect-count", "1", code=6)
    demo.cli("drift", "adopt", agent.id, "--out", str(tmp_path / "adopted"))
    demo.cli("release", "build", str(tmp_path / "adopted"), "--out", str(tmp_path / "built"))
    built = tomllib.loads((tmp_path / "built" / "config.toml").read_text())
    assert built["sensors"]["poll_interval_seconds"] == 3.5
    demo.cli("drift", "remediate", agent.id, "--reason", "tour", "--yes", "--expect-count", "1")
    until(lambda: agent.config.read_bytes() == golden, within=10, what="the agent's file is as it was committed")
    until(lambda: drifted() is None, within=10, what="no drift is left")
    demo.cli("drift", "check")


def test_5_one_command_rolls_the_whole_fleet_back_and_nothing_is_applied_twice(demo: Demo) -> None:
    off = demo.agents[2]
    os.kill(off.pid, signal.SIGTERM)
    until(lambda: demo.device(off.id)["connectivity"] == "offline", within=5, what="one agent is switched off")
    done = demo.cli(
        "rollback", "--to", "1.0", "--all", "--reason", "tour", "--yes", "--expect-count", "104", "--timeout", "60",
        "-o", "json",
    )  # fmt: skip
    result = json.loads(done.stdout)
    online = [agent for agent in demo.agents if agent is not off]
    assert (result["acknowledged"], result["online"], result["missing"]) == (103, 103, [])
    assert 0 < result["first_seconds"] <= result["median_seconds"] <= result["last_seconds"]
    assert runs(online, "1.0")
    restart(demo, off)
    until(lambda: runs([off], "1.0"), within=20, what="the device that was off comes back on the right release")

    counts = {agent.id: applied_count(agent) for agent in demo.agents}
    generation = {agent.id: agent.fleet()["generation"] for agent in demo.agents}
    for agent in demo.agents:
        os.kill(agent.pid, signal.SIGKILL)
    broker = int(until(lambda: demo.json("fleet", "show").get("broker_pid"), within=5, what="the broker's pid"))
    os.kill(broker, signal.SIGKILL)
    BROKER_RESTARTED.append(time.monotonic())
    for agent in demo.agents:
        restart(demo, agent)
    until(lambda: runs(demo.agents, "1.0"), within=30, what="all agents run 1.0 after kill -9")
    until(lambda: demo.json("health")["unreachable_count"] == 0, within=40, what="all are back")
    assert {agent.id: applied_count(agent) for agent in demo.agents} == counts
    assert all(agent.fleet()["generation"] >= generation[agent.id] for agent in demo.agents)


def test_6_a_killed_agent_is_offline_within_a_second_and_a_hung_one_is_noticed(demo: Demo) -> None:
    snapshot = demo.json("health")
    assert {
        "timestamp", "total_devices", "healthy_count", "unhealthy_count", "unreachable_count", "avg_cpu", "avg_disk",
        "max_queue_depth", "devices",
    } <= snapshot.keys()  # fmt: skip
    assert (snapshot["total_devices"], snapshot["healthy_count"]) == (104, 104)
    killed, hung = demo.agents[0], demo.agents[1]
    until(lambda: time.monotonic() > BROKER_RESTARTED[-1] + WILL_GRACE_SECONDS, within=20, what="wills count again")
    os.kill(killed.pid, signal.SIGKILL)
    until(lambda: demo.device(killed.id)["connectivity"] == "offline", within=3, what="the last will is taken")
    os.kill(hung.pid, signal.SIGSTOP)
    try:
        until(
            lambda: demo.device(hung.id)["connectivity"] in ("offline", "lost"),
            within=40,
            what="the hung agent is offline or lost",
        )
        causes = {one["device_id"]: one["causes"] for one in demo.json("attention", "--max-cpu", "100")}
        assert causes.keys() == {killed.id, hung.id}, causes
        assert all(causes.values())
    finally:
        os.kill(hung.pid, signal.SIGCONT)
    restart(demo, killed)
    until(lambda: demo.json("health")["unreachable_count"] == 0, within=30, what="both are back")
    ALL_BACK.append(time.monotonic())


def test_7_a_restart_of_the_broker_marks_nobody_offline(demo: Demo) -> None:
    # a session that was cut sooner does not reset a device's back-off: a denied publish also closes it at once
    until(lambda: time.monotonic() > ALL_BACK[-1] + STEADY_SECONDS, within=20, what="all sessions are steady")
    started = demo.json("fleet", "show")
    os.kill(started["broker_pid"], signal.SIGTERM)
    until(
        lambda: demo.json("fleet", "show").get("broker_pid") not in (None, started["broker_pid"]),
        within=10,
        what="the controller starts its broker again",
    )
    deadline = time.monotonic() + 14
    while time.monotonic() < deadline:
        snapshot = demo.json("health")
        assert snapshot["unreachable_count"] == 0, demo.json("attention")
    names = {one["name"] for one in demo.json("alert", "list")["items"] if one["state"] == "firing"}
    assert not names & {"device_offline", "device_lost"}


def restart(demo: Demo, agent: Agent) -> None:
    """Start an agent again as the demo had started it."""
    host = agent.health_url.removeprefix("http://").partition(":")[0]
    log = (demo.directory / "log" / f"{agent.state_dir.name}.log").open("ab")
    child = subprocess.Popen(
        [str(BIN / "pyv-edge-agent"), "run", "--state-dir", str(agent.state_dir), "--health-host", host],
        stdout=log,
        stderr=log,
        start_new_session=True,
    )
    agent.pid = child.pid


def _hosts() -> list[str]:
    return [f"127.0.77.{last}" for last in range(11, 60)]


def _is_free(host: str) -> bool:
    import socket

    with socket.socket() as probe:
        return probe.connect_ex((host, 8080)) != 0
