"""The article's fleet-side code, unchanged, against our agents, our controller's API and its MQTT messages."""

from __future__ import annotations

import logging
import os
import queue
import secrets
import signal
import ssl
import subprocess
import tomllib
import types
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import paho.mqtt.client as mqtt
import pytest
import tomli_w

from pyvorin_edge import topics
from pyvorin_edge.orders import Parcel
from running import article
from running.demo import BIN, Agent, Demo, until

pytestmark = pytest.mark.timeout(240)
LOGGER = logging.getLogger("article")


@pytest.fixture
def fleet_manager(demo: Demo) -> Any:
    """The article's module, and its manager over the demo's three agents."""
    module = article.load("fleet_manager.py")
    devices = [
        module.Device(device_id=agent.id, ip=agent.health_url.removeprefix("http://").partition(":")[0])
        for agent in demo.agents
    ]
    return types.SimpleNamespace(module=module, manager=module.FleetManager(devices=devices, poll_timeout=5.0))


def test_its_fleet_manager_polls_our_agents(fleet_manager: Any) -> None:
    snapshot = fleet_manager.manager.poll_all()
    assert (snapshot.total_devices, snapshot.healthy_count, snapshot.unreachable_count) == (3, 3, 0)
    assert 0 <= snapshot.avg_cpu <= 100
    assert 0 < snapshot.avg_disk <= 100
    assert snapshot.max_queue_depth >= 0
    # the machine under test may be busy: its CPU alone needs nobody here
    assert fleet_manager.manager.devices_needing_attention(max_cpu=100.0) == []


def test_its_prometheus_export_takes_the_snapshot(fleet_manager: Any) -> None:
    metrics = article.load("dashboard_metrics.py", given={"FleetSnapshot": fleet_manager.module.FleetSnapshot})
    exported = metrics.export_metrics(fleet_manager.manager.poll_all()).decode()
    assert "pyvorin_fleet_healthy 3.0" in exported
    assert "pyvorin_fleet_unhealthy 0.0" in exported


def test_its_health_client_reads_our_agents_and_says_unreachable_for_none(demo: Demo) -> None:
    client = article.load("device_health.py")
    host = demo.agents[0].health_url.removeprefix("http://").partition(":")[0]
    assert client.fetch_device_health(host)["status"] == "healthy"
    assert client.fetch_device_health("127.0.99.99", timeout=1.0)["status"] == "unreachable"


def test_its_push_config_delivers_a_parcel_and_nothing_else(demo: Demo, fleet_manager: Any, tmp_path: Path) -> None:
    agent = demo.agents[0]
    directive = (agent.state_dir / "desired-directive").read_bytes().rsplit(b"\n", 2)[0]
    parcel = tmp_path / "parcel"
    parcel.write_bytes(msgspec.json.encode(Parcel(v=1, directive=directive.decode())))
    before = agent.config.read_bytes()
    assert fleet_manager.manager.push_config(str(parcel), [agent.id, "FLEET-nobody"]) == {
        agent.id: "ok",
        "FLEET-nobody": "unknown_device",
    }
    naked = tmp_path / "config.toml"
    naked.write_bytes(before.replace(b"1.0", b"9.0", 1))
    assert fleet_manager.manager.push_config(str(naked), [agent.id])[agent.id] in ("http_401", "http_403", "http_422")
    assert agent.config.read_bytes() == before


def test_its_drift_script_is_silent_in_step_and_alerts_on_an_edit(demo: Demo, tmp_path: Path) -> None:
    agent = demo.agents[1]
    (tmp_path / "drift_lib.py").write_text(article.text("drift_lib.py"))
    golden = agent.config.read_bytes()
    run_drift_script(agent, demo.facts["page"], tmp_path)
    assert unverified(demo, agent) == []
    os.kill(agent.pid, signal.SIGSTOP)  # else the agent itself would be first to tell
    try:
        agent.config.write_bytes(golden.replace(b"noise = 0.4", b"noise = 0.5"))
        assert agent.config.read_bytes() != golden
        run_drift_script(agent, demo.facts["page"], tmp_path)
        found = until(lambda: unverified(demo, agent), within=5, what="the script's alert is raised, unverified")
        assert found[0]["name"] == "config_drift"
    finally:
        agent.config.write_bytes(golden)
        os.kill(agent.pid, signal.SIGCONT)


def test_its_drift_script_raises_no_false_alert_while_the_controller_is_away(demo: Demo, tmp_path: Path) -> None:
    agent = demo.agents[2]
    (tmp_path / "drift_lib.py").write_text(article.text("drift_lib.py"))
    run_drift_script(agent, "http://127.0.0.1:9/", tmp_path)
    assert unverified(demo, agent) == []


def test_its_drift_script_raises_nothing_where_only_the_golden_hash_could_not_be_had(
    demo: Demo, tmp_path: Path
) -> None:
    """A controller that was away for its first request and back for its second; and a device that nobody enrolled."""
    agent = demo.agents[2]
    (tmp_path / "drift_lib.py").write_text(article.text("drift_lib.py"))
    before = not_raised(demo)
    run_drift_script(agent, demo.facts["page"], tmp_path, golden="http://127.0.0.1:9/v1/golden-hash")
    (tmp_path / "nobody").write_text("FLEET-000000000000")
    run_drift_script(agent, demo.facts["page"], tmp_path, device_id=tmp_path / "nobody")
    until(lambda: not_raised(demo) == before + 2, within=10, what="both are counted")
    assert unverified(demo, agent) == []


def test_its_listeners_understand_our_controllers_messages(
    demo: Demo, tmp_path: Path, heard: queue.Queue[tuple[str, bytes, bool]]
) -> None:
    document = tomllib.loads(demo.agents[0].config.read_text())
    document["sensors"]["poll_interval_seconds"] = 1.5
    config = tmp_path / "config-1.1.toml"
    config.write_text(tomli_w.dumps(document))
    demo.cli(
        "release", "create", "--version", "1.1", "--config", str(config), "--gate-within", "15", "--gate-hold", "1"
    )
    demo.cli(
        "rollout", "create", "--channel", "stable", "--release", "1.1", "--soak", "1", "--reason", "article",
        "--timeout", "80",
    )  # fmt: skip
    topic, payload, retained = heard.get(timeout=20)
    assert (topic, retained) == (topics.ARTICLE_CONFIG, False)
    restarts: list[str] = []
    given = {"os": types.SimpleNamespace(system=restarts.append), "logger": LOGGER}
    (tmp_path / "device").mkdir()
    article.load("config_listener.py", given=given).FleetConfigListener(tmp_path / "device").on_message(topic, payload)
    assert (tmp_path / "device" / "config.toml").read_bytes() == config.read_bytes()
    assert restarts == ["sudo systemctl restart pyvorin-edge"]

    demo.cli("rollback", "--to", "1.0", "--all", "--reason", "article", "--yes", "--expect-count", "104")
    topic, payload, retained = heard.get(timeout=20)
    assert (topic, retained) == (topics.ARTICLE_ROLLBACK, False)
    went_back: list[str] = []
    updater = types.SimpleNamespace(rollback_to=went_back.append)
    handler = article.load(
        "command_handler.py", given={**given, "json": __import__("json"), "OTAUpdater": object}
    ).FleetCommandHandler(updater)
    handler.on_command(payload)
    handler.on_command(payload)
    assert went_back == ["1.0"]


@pytest.fixture
def heard(demo: Demo, tmp_path: Path) -> Iterator[queue.Queue[tuple[str, bytes, bool]]]:
    """What a device of the article hears on its two topics: a listener with a certificate of its own."""
    state = tmp_path / "listener"
    serial = f"article-{secrets.token_hex(4)}"
    made = demo.json("device", "provision", "--serial", serial, "--out", str(state), "--channel", "stable")
    messages: queue.Queue[tuple[str, bytes, bool]] = queue.Queue()
    ready: queue.Queue[bool] = queue.Queue()
    client = mqtt.Client(mqtt.CallbackAPIVersion.VERSION2, made["device_id"], protocol=mqtt.MQTTv311)
    context = ssl.create_default_context(cafile=demo.facts["ca"])
    context.load_cert_chain(state / "device.pem", state / "device.key")
    client.tls_set_context(context)
    client.on_message = lambda c, u, message: messages.put((message.topic, message.payload, message.retain))
    client.on_subscribe = lambda *_: ready.put(True)
    client.on_connect = lambda c, *_: c.subscribe([(topics.ARTICLE_CONFIG, 1), (topics.ARTICLE_ROLLBACK, 1)])
    host, _, port = demo.facts["broker"].partition(":")
    client.connect(host, int(port))
    client.loop_start()
    ready.get(timeout=10)
    yield messages
    client.disconnect()
    client.loop_stop()


def run_drift_script(
    agent: Agent, page: str, folder: Path, *, golden: str | None = None, device_id: Path | None = None
) -> None:
    """The article's cron job, once, with bash and curl. `golden`: where it asks for the golden hash, if elsewhere."""
    script = folder / "drift-check.sh"
    places = {
        "https://fleet.pyvorin.com/v1/golden-hash": golden or f"{page}v1/golden-hash",
        "/opt/pyvorin-edge/device_id": str(device_id or agent.state_dir / "device_id"),
        "/home/pi/pyvorin-edge/config.toml": str(agent.config),
        "https://fleet.pyvorin.com/": page,
    }
    script.write_text(article.text("drift-check.sh", places))
    environment = {**os.environ, "PATH": f"{BIN}:{os.environ['PATH']}", "PYTHONPATH": str(folder)}
    subprocess.run(["bash", str(script)], env=environment, timeout=30, capture_output=True, check=False)


def not_raised(demo: Demo) -> float:
    """How many of the script's alerts the controller counted and did not raise."""
    with urllib.request.urlopen(f"{demo.facts['page']}metrics", timeout=10) as answer:
        text: str = answer.read().decode()
    line = next(one for one in text.splitlines() if one.startswith("pyvorin_fleet_alerts_not_raised_total{"))
    return float(line.rpartition(" ")[2])


def unverified(demo: Demo, agent: Agent) -> list[dict[str, Any]]:
    """Firing alerts on the agent that came without credentials."""
    found = demo.json("alert", "list")
    items = found["items"] if isinstance(found, dict) else found
    return [one for one in items if one["device_id"] == agent.id and not one["verified"] and one["state"] == "firing"]
