"""The sinks are those of the settings, with their secrets where they are said to be."""

from __future__ import annotations

from pathlib import Path

import pytest

from pyv_fleet.core.words import Severity
from pyv_fleet.settings import Settings, SettingsError, parse_settings, settings_text
from pyv_fleet.sinks_of import telling_of

HEAD = 'fleet = "lab"\n'
ALL = (
    HEAD
    + """
[alerts]
group_wait_seconds = 5
group_by = ["site", "kind"]

[[alerts.webhooks]]
name = "ops"
url = "https://hooks.example/pyv"
secret_file = "/etc/pyv/ops"

[[alerts.alertmanagers]]
name = "am"
url = "http://am.example:9093/prefix"

[[alerts.emails]]
name = "mail"
host = "mail.example"
sender = "fleet@lab.example"
to = ["ops@lab.example"]
min_severity = "critical"
"""
)


def test_each_kind_of_sink_comes_out_of_its_section() -> None:
    telling = telling_of(parse_settings(ALL).alerts)
    assert [(one.name, one.place, one.least) for one in telling.sinks] == [
        ("ops", "https://hooks.example:443", Severity.INFO), ("mail", "smtp://mail.example:587", Severity.CRITICAL),
    ]  # fmt: skip
    assert [(one.name, one.place) for one in telling.mirrors] == [("am", "http://am.example:9093")]
    assert (telling.timing.group_wait_seconds, telling.timing.group_by) == (5, ("site", "kind"))
    assert telling.sinks[0].secret.file == Path("/etc/pyv/ops")  # type: ignore[attr-defined]


def test_nobody_is_told_unless_it_is_said() -> None:
    telling = telling_of(parse_settings(HEAD).alerts)
    assert (telling.sinks, telling.mirrors) == ((), ())


def test_what_was_read_can_be_written_and_read_again() -> None:
    settings: Settings = parse_settings(ALL)
    assert parse_settings(settings_text(settings)) == settings


def test_a_sink_can_be_added_below_what_fleet_init_wrote() -> None:
    written = settings_text(parse_settings(HEAD))
    assert parse_settings(written + ALL.partition("[[alerts")[1] + ALL.partition("[[alerts")[2]).alerts.emails


@pytest.mark.parametrize(
    ("section", "said"),
    [
        ('[[alerts.webhooks]]\nname = "a"\nsecret_env = "X"', "one of url and url_file"),
        ('[[alerts.webhooks]]\nname = "a"\nurl = "https://x/"', "one of secret_file and secret_env"),
        ('[[alerts.webhooks]]\nname = "a"\nurl = "https://me:pw@x/"\nsecret_env = "X"', "without a login"),
        ('[[alerts.alertmanagers]]\nname = "a"\nurl = "am:9093"', "alertmanagers.0..url"),
        ('[[alerts.emails]]\nname = "a"\nhost = "h"\nsender = "a@b"\nto = []', "to"),
        ("[alerts]\ngroup_wait = 3", "group_wait"),
        (2 * '[[alerts.alertmanagers]]\nname = "a"\nurl = "http://am"\n', "twice"),
    ],
)
def test_what_cannot_be_is_refused_by_its_place(section: str, said: str) -> None:
    with pytest.raises(SettingsError, match=said) as caught:
        parse_settings(HEAD + section)
    assert "pw@" not in str(caught.value)
