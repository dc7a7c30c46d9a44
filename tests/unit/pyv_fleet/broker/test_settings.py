"""mosquitto.conf from settings."""

import dataclasses
from pathlib import Path

import pytest

from pyv_fleet.broker.interface import BrokerAddress, BrokerError
from pyv_fleet.broker.settings import BrokerSettings, Identity, TlsFiles, conf_text

ANY = Identity(Path("c.pem"), Path("c.key"))
SETTINGS = BrokerSettings(
    directory=Path("broker"),
    devices=BrokerAddress("0.0.0.0", 8883),
    controller=BrokerAddress("127.0.0.1", 8884),
    tls=TlsFiles(
        server=Identity(Path("server.pem"), Path("server.key")),
        server_ca=Path("server-ca.pem"),
        device_ca=Path("device-ca.pem"),
        controller_ca=Path("controller-ca.pem"),
        controller=ANY,
        canary=ANY,
        probe=ANY,
    ),
)


def listener(text: str, port: int) -> set[str]:
    section = next(part for part in text.split("\n\n") if f"listener {port} " in part)
    return set(section.splitlines())


def test_devices_are_named_by_their_certificates_and_nothing_else() -> None:
    assert {
        "listener 8883 0.0.0.0",
        "cafile device-ca.pem",
        "crlfile broker/device.crl",
        "acl_file broker/device.acl",
        "tls_version tlsv1.2",
        "require_certificate true",
        "use_identity_as_username true",
        "use_username_as_clientid true",
        "allow_anonymous false",
    } <= listener(conf_text(SETTINGS, as_root=False), 8883)


def test_the_controllers_listener_has_its_own_ca_and_free_client_ids() -> None:
    lines = listener(conf_text(SETTINGS, as_root=False), 8884)
    assert {"listener 8884 127.0.0.1", "cafile controller-ca.pem", "require_certificate true"} <= lines
    assert "use_username_as_clientid true" not in lines
    assert "cafile device-ca.pem" not in lines


def test_the_queue_is_never_smaller_than_the_fleet() -> None:
    large = dataclasses.replace(SETTINGS, devices_expected=50_000)
    assert "max_queued_messages 50000\n" in conf_text(large, as_root=False)
    assert "max_queued_messages 10000\n" in conf_text(SETTINGS, as_root=False)


@pytest.mark.parametrize(
    "line",
    [
        "per_listener_settings true",
        "allow_duplicate_messages true",
        "max_inflight_messages 2000",
        "autosave_interval 60",
    ],
)
def test_the_settings_of_protocol_10_are_there(line: str) -> None:
    assert f"{line}\n" in conf_text(SETTINGS, as_root=False)


def test_root_stays_root_and_nobody_else_asks_to() -> None:
    assert "user root\n" in conf_text(SETTINGS, as_root=True)
    assert "user " not in conf_text(SETTINGS, as_root=False)


def test_a_path_cannot_add_a_setting() -> None:
    with pytest.raises(BrokerError, match="control character"):
        conf_text(dataclasses.replace(SETTINGS, directory=Path("x\nallow_anonymous true")), as_root=False)
