"""A real controller tells a real webhook of many devices at once: once, signed, also if it is killed in between."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import signal
from pathlib import Path

from msgspec.structs import replace

from pyv_fleet.core.words import AlertState
from pyv_fleet.settings import WebhookSettings, parse_settings, settings_text
from running.controller import Controller, found, start
from running.demo import until
from running.receivers import Posted, Receiver, receiver
from running.simulated import simulated

KEY = b"a key of at least 24 bytes, for a test"
#: holds for every device that is heard
RULE = """
for_seconds = 2
[when]
kind = "threshold"
figure = "cpu_percent"
above = -1
[correlate]
label = "site"
"""


def test_many_at_once_reach_a_webhook_as_one_signed_and_over_a_killed_controller(tmp_path: Path) -> None:
    with receiver() as box:
        up = _controller_that_tells(tmp_path, box)
        try:
            assert "took it" in up.cli("alert", "test", "ops").stdout
            box.posts.clear()
            box.answer = 503
            with simulated(up, 6, "s"):
                until(lambda: _online(up) == 6, within=60, what="six devices are heard")
                rule = tmp_path / "rule.toml"
                rule.write_text(RULE)
                up.cli("alert", "rule", "set", "busy", str(rule), "--reason", "a test")
                until(lambda: bool(box.posts), within=60, what="the webhook was tried, in vain")
                up.stop(signal.SIGKILL)
                box.answer = 200
                refused = {post.headers["webhook-id"] for post in box.posts}
                box.posts.clear()
                up = start(tmp_path)
                until(lambda: bool(box.posts), within=60, what="the webhook is told after the restart")
                (alert,) = up.client().alerts(state=AlertState.FIRING)
        finally:
            if up.process.poll() is None:
                up.stop()
    assert (alert.name, alert.subject) == ("busy", "site=")
    assert alert.detail == "6 of 6 devices without the label site: cpu_percent is above -1"
    (post,) = box.posts
    assert {post.headers["webhook-id"]} == refused
    event = _verified(post)
    assert [one["id"] for one in event["data"]["alerts"]] == [alert.id]
    assert base64.b64encode(KEY).decode() not in up.log


def _controller_that_tells(folder: Path, box: Receiver) -> Controller:
    found(folder)
    secret = folder / "secret"
    secret.touch(0o600)
    secret.write_text("whsec_" + base64.b64encode(KEY).decode() + "\n")
    path = folder / "controller" / "fleet.toml"
    settings = parse_settings(path.read_text())
    hook = WebhookSettings(name="ops", url=box.url + "/hook", secret_file=str(secret))
    alerts = replace(settings.alerts, group_wait_seconds=0, group_interval_seconds=3600, webhooks=(hook,))
    path.write_text(settings_text(replace(settings, alerts=alerts)))
    return start(folder)


def _online(up: Controller) -> int:
    return sum(one.connectivity == "online" for one in up.client().devices())


def _verified(post: Posted) -> dict[str, dict[str, list[dict[str, str]]]]:
    signed = f"{post.headers['webhook-id']}.{post.headers['webhook-timestamp']}.".encode() + post.body
    expected = base64.b64encode(hmac.new(KEY, signed, hashlib.sha256).digest()).decode()
    assert post.headers["webhook-signature"] == f"v1,{expected}"
    event: dict[str, dict[str, list[dict[str, str]]]] = json.loads(post.body)
    return event
