"""`fleet.toml`: what is written is read back; what is wrong is named."""

from __future__ import annotations

from pathlib import Path

import pytest

from pyv_fleet.settings import (
    ArticleSettings,
    PolledDevice,
    PollerSettings,
    Settings,
    SettingsError,
    parse_settings,
    read_settings,
    settings_text,
)

POLL = 'fleet = "a"\n[[poller.devices]]\ndevice_id = "A"\nurl = "http://a:1"\n'


def test_what_is_written_is_read_back() -> None:
    settings = Settings(
        fleet="demo",
        hosts=("edge.example", "10.0.0.1"),
        article=ArticleSettings(channel="stable"),
        poller=PollerSettings(devices=(PolledDevice(device_id="A", url="http://a:1"),)),
    )
    assert parse_settings(settings_text(settings)) == settings


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("", "fleet"),
        ('fleet = "a b"', "fleet"),
        ('fleet = "a"\n[api]\nport = 70000', "api.port"),
        ('fleet = "a"\n[api]\nprot = 1', "prot"),
        ('fleet = "a"\nhosts = []', "hosts"),
        ('fleet = "a"\n[page]\nopen_on_loopback = "yes"', "page.open_on_loopback"),
        ('fleet = "a"\n[article]\nnetworks = ["10.0.0.0/99"]', "article.networks"),
        ('fleet = "a"\n[broker]\nmode = "external"', "broker.url"),
        (POLL.replace("http://a:1", "a:1"), "poller.devices[0].url"),
        (POLL.replace('"A"', '"a/b"'), "poller.devices[0].device_id"),
        (POLL + POLL.split("\n", 1)[1], "poller.devices[1].device_id"),
        ('fleet = "a"\n[poller]\nevery_seconds = 0.0', "poller.every_seconds"),
        ('fleet = "a"\n[poller]\ntimeout_seconds = "5"', "poller.timeout_seconds"),
        ('fleet = "a"\n[prometheus]\nurl = "prom:9090"', "prometheus.url"),
        ('fleet = "a"\n[prometheus]\nbearer = "secret"', "bearer"),
        ("fleet = ", "not TOML"),
    ],
)
def test_what_is_wrong_is_named(text: str, named: str) -> None:
    with pytest.raises(SettingsError) as error:
        parse_settings(text)
    assert named in str(error.value)


def test_no_settings_says_how_to_make_them(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="fleet init"):
        read_settings(tmp_path)


def test_what_is_no_text_is_named(tmp_path: Path) -> None:
    (tmp_path / "fleet.toml").write_bytes(b'fleet = "\xff"')
    with pytest.raises(SettingsError, match=r"fleet\.toml: not UTF-8 at byte 9"):
        read_settings(tmp_path)
