"""The API as it stands on the wire: TLS, certificates, enrolment, releases, and the life of the process."""

from __future__ import annotations

import json
import os
import signal
import ssl
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from pyv_fleet.client import FleetClient, Refused
from pyv_fleet.core.release import build_release
from pyv_fleet.core.views import ReleaseUpload, TokenSpec
from pyv_fleet.trust.signing import sign_release
from pyvorin_edge.report import Join
from pyvorin_edge.vocabulary import ConfigFormat
from running.controller import Controller, controller, found, start
from running.demo import BIN, until

CONFIG = b'[logging]\nlevel = "INFO"\n'


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Controller]:
    with controller(tmp_path_factory.mktemp("api"), "--article-channel", "stable") as up:
        yield up


def provision(running: Controller, serial: str) -> Path:
    """A device's state directory, made by the one command."""
    state = running.folder / serial
    if not state.exists():
        running.cli("device", "provision", "--serial", serial, "--out", str(state))
    return state


def as_device(running: Controller, state: Path) -> httpx.Client:
    tls = ssl.create_default_context(cafile=str(running.operator / "server_ca.pem"))
    tls.load_cert_chain(state / "device.pem", state / "device.key")
    return httpx.Client(base_url=running.ready["api"], verify=tls)


def nobody(running: Controller) -> httpx.Client:
    tls = ssl.create_default_context(cafile=str(running.operator / "server_ca.pem"))
    return httpx.Client(base_url=running.ready["api"], verify=tls)


def device_id_of(state: Path) -> str:
    return (state / "device_id").read_text().strip()


def test_a_device_reaches_what_is_its_own_and_nothing_of_another(running: Controller) -> None:
    one, other = provision(running, "api-1"), provision(running, "api-2")
    with as_device(running, one) as http:
        joined = http.get(f"/v1/devices/{device_id_of(one)}/join")
        import msgspec

        join = msgspec.json.decode(joined.content, type=Join)
        assert join.trust_anchor == running.client().fleet().root_key
        assert http.get(f"/v1/devices/{device_id_of(one)}/desired").json()["assignment"] is not None
        for path in ("join", "desired"):
            assert http.get(f"/v1/devices/{device_id_of(other)}/{path}").status_code == 403
        assert http.get("/v1/devices").status_code == 403
        assert http.get("/v1/trust/1").status_code == 200


def test_a_certificate_of_another_ca_does_not_pass_the_handshake(running: Controller, tmp_path: Path) -> None:
    import trustme

    stranger = trustme.CA().issue_cert(common_name=device_id_of(provision(running, "api-1")))
    stranger.private_key_pem.write_to_path(tmp_path / "key")
    stranger.cert_chain_pems[0].write_to_path(tmp_path / "pem")
    tls = ssl.create_default_context(cafile=str(running.operator / "server_ca.pem"))
    tls.load_cert_chain(tmp_path / "pem", tmp_path / "key")
    with httpx.Client(base_url=running.ready["api"], verify=tls) as http, pytest.raises(httpx.TransportError):
        http.get("/v1/trust/1")


def test_without_a_certificate_or_token_it_is_401(running: Controller) -> None:
    with nobody(running) as http:
        answers = [http.get(path) for path in ("/v1/fleet", "/v1/devices/x/join", "/v1/trust/1")]
    assert {answer.status_code for answer in answers} == {401}
    assert all("Bearer" in answer.headers["www-authenticate"] for answer in answers)


@pytest.mark.parametrize("scheme", ["tls", "plain"])
def test_enrolment_with_a_bad_token_or_in_clear_is_refused(running: Controller, scheme: str) -> None:
    login = ("FLEET-x", "pyv1.wrong")
    base = running.ready["api"] if scheme == "tls" else running.ready["page"]
    tls = ssl.create_default_context(cafile=str(running.operator / "server_ca.pem"))
    answer = httpx.post(f"{base.rstrip('/')}/.well-known/est/simpleenroll", auth=login, content=b"AAAA", verify=tls)
    assert answer.status_code in ((401, 422) if scheme == "tls" else (403,))


def test_a_token_is_spent_by_its_uses(running: Controller, tmp_path: Path) -> None:
    token = running.client().create_token(TokenSpec(uses=1)).token

    def enrol(name: str) -> int:
        return subprocess.run(
            [BIN / "pyv-edge-agent", "provision", "--out", tmp_path / name, "--serial", f"spent-{name}", "--api",
             running.ready["api"], "--token-file", "-"], input=token, text=True, capture_output=True, check=False,
        ).returncode  # fmt: skip

    assert [enrol("a"), enrol("b")] == [0, 1]


def test_a_release_is_taken_once_and_a_version_means_one_thing(running: Controller, tmp_path: Path) -> None:
    config = tmp_path / "config.toml"
    config.write_bytes(CONFIG)
    create = ("release", "create", "--version", "7.0", "--config", str(config), "-o", "json")
    first, again = (json.loads(running.cli(*create).stdout) for _ in range(2))
    assert first == again
    config.write_bytes(b'[logging]\nlevel = "DEBUG"\n')
    running.cli(*create, code=6)
    running.cli("release", "verify", "7.0")


def test_what_is_senseless_is_taken_only_when_an_admin_says_so(running: Controller, tmp_path: Path) -> None:
    config = tmp_path / "config.toml"
    config.write_bytes(b"[health]\nport = 99999999\n")
    create = ("release", "create", "--version", "7.1", "--config", str(config))
    assert "/health/port" in running.cli(*create, code=1).stderr
    running.cli("release", "show", "7.1", code=5)
    running.cli(*create, "--skip-validation")
    assert "taken unchecked" in running.cli("audit", "list").stdout


def test_a_release_by_another_key_is_refused(running: Controller) -> None:
    stranger = Ed25519PrivateKey.from_private_bytes(b"\7" * 32)
    with FleetClient.at(running.operator) as client:
        release = build_release(CONFIG, fleet=client.fleet().name, version="7.2", format=ConfigFormat.TOML)
        with pytest.raises(Refused, match="not signed by the release role"):
            client.publish_release(ReleaseUpload(envelope=sign_release(release, stranger), blob=CONFIG))
    running.cli("release", "show", "7.2", code=5)


def test_an_upload_that_is_no_base64_is_named(running: Controller) -> None:
    token = (running.operator / "token").read_text().strip()
    with nobody(running) as http:
        answer = http.post(
            "/v1/releases", json={"envelope": "%", "blob": ""}, headers={"authorization": f"Bearer {token}"}
        )
    assert answer.status_code == 400
    assert "envelope" in answer.json()["errors"][0]


def test_the_articles_script_gets_the_hash_or_nothing(running: Controller) -> None:
    done = subprocess.run(
        ["curl", "-s", f"{running.ready['page']}v1/golden-hash?device_id=FLEET-unknown"],
        capture_output=True,
        check=True,
    )
    assert done.stdout == b""


def test_a_broker_that_dies_is_started_again(running: Controller) -> None:
    client = running.client()
    before = client.fleet().broker_pid
    assert before is not None
    os.kill(before, signal.SIGKILL)
    until(lambda: client.fleet().broker_pid not in (None, before), within=15, what="another broker runs")


def test_a_second_controller_on_the_same_home_is_refused(running: Controller) -> None:
    said = running.cli("serve", "--data", str(running.data), code=6)
    assert "another controller" in said.stderr


def test_it_ends_in_order_on_sigterm_also_while_someone_listens(tmp_path: Path) -> None:
    with controller(tmp_path, "--page-open-on-loopback") as up:
        broker = up.client().fleet().broker_pid
        with httpx.stream("GET", f"{up.ready['page']}v1/events") as stream:
            next(stream.iter_bytes())
            began = time.monotonic()
            assert up.stop() == 0
        assert time.monotonic() - began < 6
        assert not alive(broker)
        assert not (up.data / "ready.json").exists()
        assert "Traceback" not in up.log


def test_killed_it_takes_its_broker_along_and_starts_again(tmp_path: Path) -> None:
    with controller(tmp_path) as up:
        broker = up.client().fleet().broker_pid
        up.stop(signal.SIGKILL)
        until(lambda: not alive(broker), within=3, what="the broker is gone")
        up.process = start(tmp_path).process  # so that the block ends it, whatever comes
        assert up.client().fleet().name == "lab"
        assert up.stop() == 0


def test_a_taken_port_is_said_before_anything_starts(tmp_path: Path) -> None:
    import socket

    found(tmp_path)
    settings = (tmp_path / "controller" / "fleet.toml").read_text()
    port = int(settings.partition("[page]\nport = ")[2].partition("\n")[0])
    with socket.create_server(("127.0.0.1", port)):
        done = subprocess.run(
            [BIN / "pyv-fleet", "serve", "--data", tmp_path / "controller"], capture_output=True, text=True, timeout=60,
            check=False,
        )  # fmt: skip
    assert done.returncode == 1
    assert str(port) in done.stderr
    assert "fleet.toml" in done.stderr
    assert "Traceback" not in done.stderr


def test_bad_settings_are_named(tmp_path: Path) -> None:
    found(tmp_path)
    with (tmp_path / "controller" / "fleet.toml").open("a") as file:
        file.write("\n[nonsense]\n")
    done = subprocess.run(
        [BIN / "pyv-fleet", "serve", "--data", tmp_path / "controller"], capture_output=True, text=True, timeout=60,
        check=False,
    )  # fmt: skip
    assert (done.returncode, "nonsense" in done.stderr, "Traceback" in done.stderr) == (1, True, False)


def alive(pid: int | None) -> bool:
    assert pid is not None
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
