"""Every part of the archive, of a device with secrets planted wherever one may lie: none of them is in it."""

from __future__ import annotations

import io
import json
import shutil
import tarfile
import tempfile
from pathlib import Path

import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from pyv_edge_agent.cli.diagnosing import archive_of
from pyv_edge_agent.cloud_sync.queue import CloudSyncQueue, Priority
from pyv_edge_agent.core.memory import Memory, State, parts
from pyv_edge_agent.disk.journal import Journal
from running.brain import an_installed

# none of them may be a word that stands in an archive anyway
LETTERS = st.characters(min_codepoint=33, max_codepoint=126, exclude_characters="\"'\\${}#=")
SECRETS = st.lists(st.text(LETTERS, min_size=4, max_size=30).map("qZ7^".__add__), min_size=8, max_size=8, unique=True)
PLANTED = ("env", "literal", "login", "key file", "credential", "variable", "payload", "nested")


def plant(root: Path, secrets: list[str]) -> dict[str, str]:
    """A state directory with each secret somewhere, and the process's environment."""
    env, literal, login, key, credential, variable, payload, nested = secrets
    Journal(root).write(parts(Memory(committed=an_installed("b"), state=State(boot=2, fleet="acme"))))
    (root / "device_id").write_text("FLEET-1\n")
    (root / "env").write_text(f"UPSTREAM={env}\n")
    (root / "device.key").write_text(f"-----BEGIN PRIVATE KEY-----\n{key}\n-----END PRIVATE KEY-----\n")
    (root / "credentials").mkdir()
    (root / "credentials" / "broker").write_text(credential)
    (root / "config.toml").write_text(
        f"""
[cloud]
enabled = true
endpoint = "https://user:{login.replace("/", "_").replace("@", "_").replace("?", "_")}@example.com/${{UPSTREAM}}"
api_key = "{literal}"
[sensors]
devices = [{{ name = "${{NAME_OF}}", password = {{ inner = "{nested}" }} }}]
"""
    )
    queue = CloudSyncQueue(root / "sync_queue.db", device_id="FLEET-1")
    queue.enqueue({"value": payload}, priority=Priority.CRITICAL)
    queue.close()
    return {"NAME_OF": variable, "CREDENTIALS_DIRECTORY": str(root / "credentials")}


def unpacked(data: bytes) -> dict[str, bytes]:
    with tarfile.open(fileobj=io.BytesIO(data)) as tar:
        return {
            member.name.partition("/")[2]: tar.extractfile(member).read()  # type: ignore[union-attr]
            for member in tar.getmembers()
        }


@settings(max_examples=10, deadline=None, phases=[Phase.generate])
@given(SECRETS)
def test_no_planted_secret_is_anywhere_in_the_archive(secrets: list[str]) -> None:
    root = Path(tempfile.mkdtemp())
    try:
        environ = plant(root, secrets)
        made = archive_of(root, None, environ, "archive", 1_000_000)
    finally:
        shutil.rmtree(root)
    every_byte = b"\0".join(part for name, data in unpacked(made.data).items() for part in (name.encode(), data))
    for place, secret in zip(PLANTED, secrets, strict=True):
        assert secret.encode() not in every_byte, place
        assert secret not in json.dumps(made.parts), place


def test_the_rest_is_there_and_readable(tmp_path: Path) -> None:
    environ = plant(tmp_path, [f"secret-{name.replace(' ', '-')}-1234" for name in PLANTED])
    made = archive_of(tmp_path, None, environ, "archive", 1_000_000)
    files = unpacked(made.data)
    declared = json.loads(files["config-declared.json"])
    assert declared["sensors"]["devices"][0]["name"] == "${NAME_OF}"
    assert json.loads(files["queue.json"])["rows in sync_queue"] == 1
    assert json.loads(files["memory.json"])["state"]["boot"] == 2
    assert json.loads(files["status.json"])["device_id"] == "FLEET-1"
    assert "no agent runs" in json.loads(files["status.json"])["agent"]
    assert "no agent runs" in str(made.parts["health.json"])
    assert "device.key" in json.loads(files["disk.json"])["files"]


@pytest.mark.parametrize("state", ["empty", "rubbish", "missing"])
def test_a_device_in_any_state_gives_an_archive(tmp_path: Path, state: str) -> None:
    root = tmp_path / "state"
    if state != "missing":
        root.mkdir()
    if state == "rubbish":
        for name in ("config.toml", "committed", "state", "pending", "device_id", "env", "sync_queue.db", "device.pem"):
            (root / name).write_bytes(b"\xff\x00rubbish")
    made = archive_of(root, None, {}, "archive", 1_000_000)
    files = unpacked(made.data)
    told = json.loads(files["summary.json"])["parts"]
    assert told["version.json"] == told["machine.json"] == "whole"
    assert set(told) == set(made.parts)
    assert all(name in files for name, why in told.items() if why == "whole")
