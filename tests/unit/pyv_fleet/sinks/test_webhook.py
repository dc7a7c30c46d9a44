"""A webhook is a signed CloudEvent; its receiver can verify it, and nothing of its secrets is told on."""

from __future__ import annotations

import asyncio
import base64
import datetime as dt
import hashlib
import hmac
import json
from pathlib import Path

import pytest
from msgspec.structs import replace

from pyv_fleet.core.notifying import Notification, ToldAlert
from pyv_fleet.core.words import AlertState, Severity
from pyv_fleet.sinks.interface import Letter, NotTaken
from pyv_fleet.sinks.secrets import Secret
from pyv_fleet.sinks.webhook import Webhook, keys_of, parse_hook, place_of, signature
from running.receivers import receiver

KEY = bytes(range(32))
LINE = "whsec_" + base64.b64encode(KEY).decode()
ALERT = ToldAlert(
    id="a-1", name="cpu", state=AlertState.FIRING, severity=Severity.WARNING, detail="hot",
    raised_at=dt.datetime(2026, 6, 2, tzinfo=dt.UTC), labels={"site": "berlin"}, device_id="dev-a", subject="dev-a",
)  # fmt: skip
LETTER = Letter(
    id="0198", fleet="lab", made_at=1_800_000_000_000, sent_at=1_800_000_007_123,
    notification=Notification(group="cpu site=berlin", firing=1, resolved=0, alerts=(ALERT,)),
)  # fmt: skip


@pytest.fixture
def secret(tmp_path: Path) -> Secret:
    path = tmp_path / "secret"
    path.write_text(LINE + "\n")
    path.chmod(0o600)
    return Secret(file=path)


def test_a_receiver_can_verify_it_and_read_it_as_a_cloud_event(secret: Secret) -> None:
    with receiver() as box:
        asyncio.run(Webhook(name="ops", url=box.url + "/hook/x?y=1", secret=secret).send(LETTER))
    (post,) = box.posts
    signed = f"{post.headers['webhook-id']}.{post.headers['webhook-timestamp']}.".encode() + post.body
    expected = "v1," + base64.b64encode(hmac.new(KEY, signed, hashlib.sha256).digest()).decode()
    assert post.headers["webhook-signature"] == expected
    assert (post.path, post.headers["webhook-id"], post.headers["webhook-timestamp"]) == (
        "/hook/x?y=1", "0198", "1800000007"
    )  # fmt: skip
    assert post.headers["content-type"].startswith("application/cloudevents+json")
    event = json.loads(post.body)
    assert {key: event[key] for key in ("specversion", "id", "source", "type", "subject")} == {
        "specversion": "1.0", "id": "0198", "source": "/pyvorin/fleets/lab",
        "type": "com.pyvorin.fleet.alerts.v1", "subject": "cpu site=berlin",
    }  # fmt: skip
    assert event["data"]["alerts"][0]["device_id"] == "dev-a"


def test_the_body_is_the_same_at_every_try(secret: Secret) -> None:
    with receiver() as box:
        hook = Webhook(name="ops", url=box.url, secret=secret)
        asyncio.run(hook.send(LETTER))
        asyncio.run(hook.send(replace(LETTER, sent_at=LETTER.sent_at + 60_000)))
    assert box.posts[0].body == box.posts[1].body
    assert box.posts[0].headers["webhook-signature"] != box.posts[1].headers["webhook-signature"]


@pytest.mark.parametrize(("status", "for_good"), [(400, True), (413, True), (401, False), (404, False), (503, False)])
def test_what_is_not_taken_says_so_and_whether_it_ever_will(secret: Secret, status: int, for_good: bool) -> None:
    with receiver() as box:
        box.answer = status
        with pytest.raises(NotTaken, match=str(status)) as caught:
            asyncio.run(Webhook(name="ops", url=box.url, secret=secret).send(LETTER))
    assert caught.value.for_good is for_good


def test_a_redirect_is_not_followed(secret: Secret) -> None:
    with receiver() as box, receiver() as elsewhere:
        box.answer, box.location = 307, elsewhere.url
        with pytest.raises(NotTaken, match="307"):
            asyncio.run(Webhook(name="ops", url=box.url, secret=secret).send(LETTER))
    assert elsewhere.posts == []


def test_nobody_at_home_is_told_without_the_path(secret: Secret) -> None:
    hook = Webhook(name="ops", url="http://127.0.0.1:1/hook/very-secret", secret=secret, timeout_seconds=2)
    with pytest.raises(NotTaken) as caught:
        asyncio.run(hook.send(LETTER))
    assert "very-secret" not in str(caught.value) + hook.place


def test_an_address_may_be_a_secret(secret: Secret, tmp_path: Path) -> None:
    with receiver() as box:
        hidden = tmp_path / "url"
        hidden.write_text(box.url + "/t/0k3n")
        hidden.chmod(0o600)
        hook = Webhook(name="ops", hidden_url=Secret(file=hidden), secret=secret)
        asyncio.run(hook.send(LETTER))
    assert box.posts[0].path == "/t/0k3n"
    assert "0k3n" not in hook.place


def test_several_secrets_sign_side_by_side() -> None:
    keys = keys_of(f"{LINE}\nwhsec_{base64.b64encode(KEY[::-1]).decode()}\n")
    first, second = signature(keys, "id", 1, b"{}").split()
    assert first == signature(keys[:1], "id", 1, b"{}")
    assert first != second


@pytest.mark.parametrize("line", ["", "hunter2", "whsec_!!!!", "whsec_" + base64.b64encode(b"short").decode()])
def test_a_secret_that_is_none_is_refused_unseen(line: str) -> None:
    if not line:
        assert keys_of(line) == ()
        return
    with pytest.raises(NotTaken, match="whsec_ and the base64") as caught:
        keys_of(line)
    assert line not in str(caught.value)


@pytest.mark.parametrize(
    "url", ["ftp://x/", "https://", "https://user:pw@host/", "https://host/#x", "https://host:99999/", "https://ho st/"]
)
def test_an_address_that_is_none_is_refused_unseen(url: str) -> None:
    with pytest.raises(NotTaken) as caught:
        parse_hook(url)
    assert "pw@" not in str(caught.value)


def test_the_place_is_the_host_alone() -> None:
    assert place_of("https://hooks.example/t/secret?x=y") == "https://hooks.example:443"
