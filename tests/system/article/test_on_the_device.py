"""The article's device-side code against our agent's packages, without a fleet."""

from __future__ import annotations

import contextlib
import io
from pathlib import Path

from pyv_edge_agent.cloud_sync.queue import CloudSyncQueue
from pyv_edge_agent.config import Config
from pyv_edge_agent.hardware import serial_of
from pyvorin_edge.canonical import config_hash
from pyvorin_edge.identity import device_id_of
from pyvorin_edge.packaging.verifier import BundleVerifier
from running import article

CPUINFO = "processor\t: 0\nmodel name\t: ARMv7\n\nHardware\t: BCM2835\nSerial\t\t: 10000000deadbeef\nModel\t: Pi 4\n"


def test_our_device_id_is_the_articles_for_a_raspberry_pi(tmp_path: Path) -> None:
    (tmp_path / "proc").mkdir()
    cpuinfo = tmp_path / "proc" / "cpuinfo"
    cpuinfo.write_text(CPUINFO)
    theirs = article.load("device_id.py", places={"/proc/cpuinfo": str(cpuinfo)}).get_device_id()
    assert device_id_of(serial_of(tmp_path).value) == theirs


def test_the_config_that_the_article_renders_is_valid_here(tmp_path: Path) -> None:
    rendered = tmp_path / "config.toml"
    article.load("render_config.py").render_config("FLEET-0a1b2c3d4e5f", "k-123", rendered)
    config = Config.from_file(rendered)
    config.validate({"API_KEY": "k-123"})
    assert config.to_dict()["cloud"]["api_key"] == "k-123"


def test_the_trust_anchor_that_the_article_installs_is_loaded(tmp_path: Path) -> None:
    key = "3b6a27bcceb6a42d62a3a8d02a6f0d73653215771de243a63ac048a18b59da29"
    article.load("trust_anchor.py").install_trust_anchor(key, tmp_path)
    assert BundleVerifier(tmp_path).load_trust_anchor() == bytes.fromhex(key)


def test_the_articles_drift_check_agrees_with_our_hash(tmp_path: Path) -> None:
    path = tmp_path / "config.toml"
    path.write_text('[sensors]\npoll_interval_seconds = 5.0\n[cloud]\napi_key = "${API_KEY}"\n')
    drift_lib = article.load("drift_lib.py")
    golden = config_hash({"cloud": {"api_key": "${API_KEY}"}, "sensors": {"poll_interval_seconds": 5.0}})
    assert drift_lib.config_hash(path) == golden
    assert drift_lib.check_drift(path, golden)
    path.write_text("[sensors]\npoll_interval_seconds = 6.0\n")
    assert not drift_lib.check_drift(path, golden)


def test_the_article_reads_the_queues_stats(tmp_path: Path) -> None:
    path = tmp_path / "sync_queue.db"
    queue = CloudSyncQueue(db_path=str(path))
    queue.enqueue({"value": 1})
    queue.close()
    said = io.StringIO()
    with contextlib.redirect_stdout(said):
        article.load("queue_stats.py", places={"/home/pi/pyvorin-edge/sync_queue.db": str(path)})
    assert said.getvalue().startswith("Depth: 1  Retries: 0  Oldest: ")
