"""Provisioning: data in, one directory out, and a second run changes nothing."""

from __future__ import annotations

import json
import tomllib
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import NoReturn

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from pyv_edge_agent.link.interface import LinkError
from pyv_edge_agent.provision import (
    FIRST_CONFIG,
    Provisioned,
    ProvisionError,
    Setting,
    known_device_id,
    parse_setting,
    provision,
    render_config,
)
from pyv_fleet.trust.root_document import RoleKeys, RootTerms, make_root
from pyvorin_edge import wire
from pyvorin_edge.config.problem import ConfigError
from pyvorin_edge.enrolment import EnrolmentToken
from pyvorin_edge.identity import DeviceId
from pyvorin_edge.report import Join, JoinLink
from pyvorin_edge.trust import Extra, TrustError, proof_of
from running.desk import Desk, open_desk

DEVICE = DeviceId("FLEET-0a1b2c3d4e5f")
ROOT = Ed25519PrivateKey.from_private_bytes(bytes(32))
CONFIG = render_config(None, [])


def join(anchor: Ed25519PrivateKey = ROOT, fleet: str = "acme") -> Join:
    keys = RoleKeys((ROOT.public_key().public_bytes_raw(),))
    terms = RootTerms(
        root=keys, release=keys, directive=keys, extra=Extra(fleet="acme", epoch=1),
        expires=datetime.now(UTC) + timedelta(days=1),
    )  # fmt: skip
    return Join(
        v=1, fleet=fleet, trust_anchor=anchor.public_key().public_bytes_raw().hex(),
        trust=(make_root(terms, [ROOT]).decode(),), assignment="{}", incarnation=1, epoch=1, generation=0, number=1,
        link=JoinLink(mqtt=("h:1",), http=(), ca_pem=()),
    )  # fmt: skip


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    with open_desk(tmp_path / "desk", DEVICE) as serving:
        answer(serving, join())
        yield serving


def answer(desk: Desk, said: Join) -> None:
    desk.answers[f"/v1/devices/{DEVICE}/join"] = (200, wire.encode(said))


def run(desk: Desk, out: Path) -> Provisioned:
    return provision(out, DEVICE, desk.url, lambda: desk.token, CONFIG)


def test_the_directory_holds_all_that_a_device_needs(desk: Desk, tmp_path: Path) -> None:
    out = tmp_path / "state"
    done = run(desk, out)
    assert known_device_id(out) == DEVICE
    assert json.loads((out / "trust_anchor.json").read_text()) == {"public_key": join().trust_anchor}
    assert (out / "config.toml").read_bytes() == CONFIG
    assert {path.name for path in out.iterdir()} == set(done.written)
    assert all(path.stat().st_mode & 0o077 == 0 for path in (out, *out.iterdir()))


def test_the_chain_that_was_verified_here_need_not_be_verified_by_the_agent(desk: Desk, tmp_path: Path) -> None:
    out = tmp_path / "state"
    run(desk, out)
    documents = tuple(text.encode() for text in json.loads((out / "join.json").read_bytes())["trust"])
    assert (out / "trust_proof").read_text() == proof_of((out / "trust_anchor.json").read_bytes(), documents)


def test_a_second_run_changes_nothing_and_needs_no_token(desk: Desk, tmp_path: Path) -> None:
    out = tmp_path / "state"
    run(desk, out)
    before = {path.name: (path.read_bytes(), path.stat().st_mtime_ns) for path in out.iterdir()}

    def no_token() -> NoReturn:
        raise AssertionError("the token was asked for")

    assert (
        provision(out, DEVICE, desk.url, no_token, render_config(None, [Setting(("health", "port"), 1)])).written == ()
    )
    assert {path.name: (path.read_bytes(), path.stat().st_mtime_ns) for path in out.iterdir()} == before


def test_a_run_that_broke_off_is_taken_up_with_the_same_key(desk: Desk, tmp_path: Path) -> None:
    out = tmp_path / "state"
    desk.answers.clear()
    with pytest.raises(LinkError, match="404"):
        run(desk, out)
    key = (out / "device.key").read_bytes()
    answer(desk, join())
    run(desk, out)
    assert (out / "device.key").read_bytes() == key


def test_an_installed_anchor_stays_and_another_fleets_chain_is_refused(desk: Desk, tmp_path: Path) -> None:
    out = tmp_path / "state"
    out.mkdir()
    installed = b'{"public_key": "' + b"ab" * 32 + b'"}'
    (out / "trust_anchor.json").write_bytes(installed)
    with pytest.raises(TrustError, match="not signed by the trust anchor"):
        run(desk, out)
    assert (out / "trust_anchor.json").read_bytes() == installed
    assert not (out / "join.json").exists()


def test_a_join_whose_fleet_is_not_the_trust_documents_is_refused(desk: Desk, tmp_path: Path) -> None:
    answer(desk, replace(join(), fleet="other"))
    with pytest.raises(ProvisionError, match="of fleet 'other'"):
        run(desk, tmp_path / "state")


def test_another_devices_directory_is_left_alone(desk: Desk, tmp_path: Path) -> None:
    run(desk, tmp_path / "state")
    with pytest.raises(ProvisionError, match="choose another --out"):
        provision(tmp_path / "state", DeviceId("FLEET-other"), desk.url, lambda: desk.token, CONFIG)


def test_a_wrong_token_is_told_and_no_certificate_is_left(desk: Desk, tmp_path: Path) -> None:
    wrong = EnrolmentToken(desk.token.text.replace("pyv1.", "pyv1.x", 1), desk.token.server_ca_spki_sha256)
    with pytest.raises(LinkError, match="401"):
        provision(tmp_path / "state", DEVICE, desk.url, lambda: wrong, CONFIG)
    assert not (tmp_path / "state" / "device.pem").exists()


def test_the_first_config_is_valid_and_a_template_stays_byte_for_byte() -> None:
    assert tomllib.loads(CONFIG.decode()) == FIRST_CONFIG
    template = b"# as I wrote it\n[health]\nport   =   8081\n"
    assert render_config(template, []) == template


def test_settings_are_data_and_never_text() -> None:
    evil = 'x"\n[cloud]\nenabled = true\nendpoint = "https://evil.example'
    template = b'[[sensors.devices]]\nname = "a"\n'
    said = render_config(
        template, [parse_setting(f"sensors.devices.0.sensor_type={evil}"), parse_setting("health.port=99")]
    )
    document = tomllib.loads(said.decode())
    assert document["sensors"]["devices"] == [{"name": "a", "sensor_type": evil}]
    assert document["health"] == {"port": 99}
    assert "cloud" not in document


@pytest.mark.parametrize(
    ("text", "value"),
    [("2.5", 2.5), ("true", True), ('"3"', "3"), ("plain words", "plain words"), ("1\nother = 2", "1\nother = 2")],
)
def test_a_value_is_read_as_toml_where_it_is_one_and_else_taken_as_it_stands(text: str, value: object) -> None:
    assert parse_setting(f"a.b={text}") == Setting(("a", "b"), value)


@given(st.text(max_size=64))
def test_any_text_comes_through_as_a_value_or_is_refused(text: str) -> None:
    try:
        said = render_config(b"", [Setting(("cloud", "api_key"), text)])
    except ConfigError:
        return
    assert tomllib.loads(said.decode())["cloud"]["api_key"] == text


@pytest.mark.parametrize("text", ["", "a", "=1", "a..b=1", ".a=1"])
def test_a_setting_without_a_path_or_value_is_refused(text: str) -> None:
    with pytest.raises(ProvisionError, match=r"write key\.path=value"):
        parse_setting(text)


@pytest.mark.parametrize("path", ["sensors.devices.5.unit", "health.port.deeper", "sensors.devices.x.unit"])
def test_a_path_that_leads_nowhere_is_refused(path: str) -> None:
    with pytest.raises(ProvisionError, match="there is no"):
        render_config(b"[health]\nport = 1\n[sensors]\ndevices = []\n", [parse_setting(f"{path}=1")])


def test_an_invalid_config_names_every_problem_before_anything_is_sent() -> None:
    with pytest.raises(ConfigError) as seen:
        render_config(None, [parse_setting("health.port=99999"), parse_setting("nonsense=1")])
    assert {problem.pointer for problem in seen.value.problems} == {"/health/port", "/nonsense"}
