"""What the how-to pages show works as it stands there."""

from __future__ import annotations

import re
import sys
import time
from pathlib import Path

import pytest

from pyv_edge_agent.config import Config
from pyv_edge_agent.sensing.pipeline import Pipeline, Settings
from pyv_edge_agent.sensors.catalogue import adapters_of
from pyv_edge_agent.sensors.interface import SensorReading
from pyvorin_edge.config.document import with_defaults

HOW_TO = Path(__file__).parents[4] / "docs" / "how-to"


def block(page: str, kind: str, which: int = 0) -> str:
    text = (HOW_TO / page).read_text(encoding="utf-8")
    return re.findall(rf"```{kind}\n(.*?)```", text, re.DOTALL)[which]


def test_the_example_of_sensors_windows_and_rules_is_valid_and_can_be_run() -> None:
    env = {"DOOR_TOKEN": "x"}
    config = Config.from_bytes(block("sensors.md", "toml").encode())
    config.validate(env)
    effective = config.effective(env)
    adapters = adapters_of(effective["sensors"], seed=1, monotonic=lambda: 0.0, clock=lambda: 0.0)
    assert [adapter.name for adapter in adapters] == ["freezer-1", "door", "fan", "recorded"]
    pipeline = Pipeline(Settings.from_document(effective), lambda name, value, metadata: None)
    assert pipeline.take(SensorReading("fan", 0.0, 1.0), 0.0) == []


def test_the_example_of_an_adapter_works_once_it_is_installed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "our_counter.py").write_text(block("adapter.md", "python"))
    package = tmp_path / "our_counter-1.dist-info"
    package.mkdir()
    (package / "METADATA").write_text("Metadata-Version: 2.1\nName: our-counter\nVersion: 1\n")
    points = re.search(r'\."(.*?)"\]\n(\w+) = "(.*?)"', block("adapter.md", "toml"))
    assert points is not None
    (package / "entry_points.txt").write_text(f"[{points[1]}]\n{points[2]} = {points[3]}\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    config = Config.from_bytes(block("adapter.md", "toml", 1).replace("= 1.0", "= 0.01").encode())
    config.validate({})
    sensors = with_defaults(config.effective({}))["sensors"]
    (adapter,) = adapters_of(sensors, seed=1, monotonic=time.monotonic, clock=lambda: 9.0)
    assert "our_counter" not in sys.modules
    adapter.start()
    deadline = time.monotonic() + 10
    while not adapter.connected or adapter.backlog < 2:  # type: ignore[attr-defined]
        assert time.monotonic() < deadline, adapter.failure
        time.sleep(0.01)
    adapter.stop()
    assert [reading.value for reading in adapter.take()][:2] == [2, 4]  # type: ignore[attr-defined]
    monkeypatch.delitem(sys.modules, "our_counter")
