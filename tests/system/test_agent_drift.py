"""What people and programs do to the config file of a real agent: what of it is drift, and what is not (PROTOCOL 7)."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from conformance.agent_subject import AgentSubject, agent
from conformance.fleet import Fleet
from conformance.watched import Watched
from pyv_edge_agent.control import ask
from running.demo import until

pytestmark = pytest.mark.timeout(120)
KEY = "first-of-all-keys"
OF_FILE = "second-of-all-keys"


class Device:
    """A device on a release whose config refers to a variable and to a secret file."""

    def __init__(self, subject: AgentSubject, fleet: Fleet, secret: Path) -> None:
        self.subject = subject
        self.watched = Watched(subject, fleet)
        self.live = subject.state / "config.toml"
        self.secret = secret
        sensors = [{"name": "${NAME:-one}", "unit": f"${{file:{secret}}}"}]
        cloud = {"api_key": "${API_KEY}", "endpoint": "https://cloud.example/v1"}
        self.good = subject.config({"windows": {"default_size": 5}, "cloud": cloud, "sensors": {"devices": sensors}})
        self.watched.enrol({"API_KEY": KEY})
        fleet.assign()
        subject.start()
        release = fleet.release("1.0", self.good)
        fleet.direct(release)
        self.watched.settle_on(release)

    def drift(self) -> dict[str, Any]:
        found: dict[str, Any] = ask(self.subject.state / "agent.sock", "drift", {})
        return found

    def looked_again(self) -> dict[str, Any]:
        """After it has looked for certain: without drift nothing is told that could be waited for."""
        ask(self.subject.state / "agent.sock", "reload", {})
        return self.drift()

    def restore(self) -> None:
        (self.subject.state / "back").write_bytes(self.good)
        (self.subject.state / "back").replace(self.live)
        self.until("in_step", [])

    def until(self, standing: str, paths: list[str]) -> dict[str, Any]:
        return until(
            lambda: (found := self.drift())["standing"] == standing and found["paths"] == paths and found,
            within=10, what=f"{standing} {paths}, not {self.drift()}",
        )  # fmt: skip


@pytest.fixture(scope="module")
def device(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Device]:
    secret = tmp_path_factory.mktemp("secrets") / "unit"
    secret.write_text(OF_FILE)
    secret.chmod(0o600)
    made = agent()
    subject, carrier = next(made)
    assert isinstance(subject, AgentSubject)
    yield Device(subject, Fleet(carrier, subject.device_id, subject.address), secret)
    for _ in made:
        pass


def _text(device: Device, before: str, after: str) -> bytes:
    assert before in device.good.decode()
    return device.good.decode().replace(before, after).encode()


def _write(device: Device, data: bytes) -> None:
    device.live.write_bytes(data)


def _replace(device: Device, data: bytes) -> None:
    (device.subject.state / "new").write_bytes(data)
    (device.subject.state / "new").replace(device.live)


def _link(device: Device, data: bytes) -> None:
    target = device.secret.parent / "elsewhere.toml"
    target.write_bytes(data)
    device.live.unlink()
    device.live.symlink_to(target)


def _write_in_parts(device: Device, data: bytes) -> None:
    """Half of it, long enough for everybody to see; then all."""
    device.live.write_bytes(data[: data.index(b"default_size") + 8])
    device.until("drifted", [""])
    device.live.write_bytes(data)


@pytest.mark.parametrize("way", [_write, _replace, _link, _write_in_parts])
@pytest.mark.parametrize("value", ["6", "5.0"])
def test_another_value_is_drift_however_it_came_there(device: Device, way: Any, value: str) -> None:
    way(device, _text(device, "default_size = 5", f"default_size = {value}"))
    found = device.until("drifted", ["/windows/default_size"])
    assert found["kinds"] == ["edited"]
    assert found["changes"] == [{"path": "/windows/default_size", "applied": "5", "live": value}]
    device.live.unlink()
    device.restore()


@pytest.mark.parametrize("text", [None, "[windows]\ndefault_size = 2026-11-25\n", "[windows\n"])
def test_a_file_that_is_gone_or_holds_what_no_config_holds_is_drift_as_a_whole(
    device: Device, text: str | None
) -> None:
    device.live.unlink() if text is None else device.live.write_text(text)
    device.until("drifted", [""])
    device.restore()


def test_touch_chmod_comments_and_another_order_of_keys_are_no_drift(device: Device) -> None:
    os.utime(device.live)
    assert device.looked_again()["standing"] == "in_step"
    device.live.chmod(0o640)
    assert device.looked_again()["standing"] == "in_step"
    first, *others = device.good.decode().split("\n[")
    reordered = "\n[".join([first, *reversed(others)])
    assert reordered.encode() != device.good
    _write(device, f"# by hand\n{reordered}".encode())
    assert device.looked_again()["standing"] == "in_step"
    device.restore()


def test_a_link_to_the_same_config_is_no_drift(device: Device) -> None:
    _link(device, device.good)
    assert device.looked_again()["standing"] == "in_step"
    device.live.unlink()
    device.restore()


def test_a_rotated_secret_and_another_variable_are_told_by_key_path_and_never_by_value(device: Device) -> None:
    env, before = device.subject.state / "env", len(device.subject.reports())
    device.secret.write_text("third-of-all-keys")
    env.write_text("API_KEY=fourth-of-all-keys\nNAME=two\n")
    device.looked_again()
    paths = ["/cloud/api_key", "/sensors/devices/0/name", "/sensors/devices/0/unit"]
    found = device.until("drifted", paths)
    assert found["kinds"] == ["environment"]
    device.watched.until(lambda: list(device.watched.report.drift.paths) == paths, "it is reported")
    said = f"{found}{device.subject.reports()[before:]}"
    assert not [key for key in ("third", "fourth", KEY, OF_FILE) if key in said]
    device.secret.write_text(OF_FILE)
    env.write_text(f"API_KEY={KEY}\n")
    assert device.looked_again()["standing"] == "in_step"
