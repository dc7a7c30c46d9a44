"""`fleet.toml`: what is written is read back; what is wrong is named."""

from __future__ import annotations

from pathlib import Path

import pytest

from pyv_fleet.settings import ArticleSettings, Settings, SettingsError, parse_settings, read_settings, settings_text


def test_what_is_written_is_read_back() -> None:
    settings = Settings(fleet="demo", hosts=("edge.example", "10.0.0.1"), article=ArticleSettings(channel="stable"))
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
