"""`run` without click takes exactly the words that click's `run` takes, and means the same by them."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import click
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pyv_edge_agent.cli.running import run_command
from pyv_edge_agent.core.pulse import PATIENCE_SECONDS
from pyv_edge_agent.link.choosing import LinkKind
from pyv_edge_agent.main import AgentOptions
from pyv_edge_agent.run_words import RUN_OPTIONS, RunOrders, Takes, WrongUsage, orders_of, read_words
from pyvorin_edge.vocabulary import Clock

HERE = str(Path(__file__).parent)
VALUES = (
    "", "0", "1", "80", "65535", "65536", "-1", " 8", "1.5", "1e3", ".5", "5.", ".", "nan", "inf", "٣", "auto", "mqtt",
    "AUTO", "synced", "127.0.0.1", "localhost", "0.0.0.0", "/gone", HERE, __file__, "--config", "run", "-",
    "--", "=", "a=b",
)  # fmt: skip


@st.composite
def words(draw: st.DrawFn) -> list[str]:
    found: list[str] = []
    names = [*(one.words for one in RUN_OPTIONS), "--help", "--die", "-c", "--", "more"]
    for name in draw(st.lists(st.sampled_from(names), max_size=4)):
        value = draw(st.sampled_from(VALUES))
        found += draw(st.sampled_from([[name], [name, value], [f"{name}={value}"]]))
    return found


def as_click_reads(said: list[str]) -> RunOrders | None:
    """None where click has to say something itself."""
    try:
        context = run_command.make_context("run", list(said))
        return orders_of(context.params)
    except (click.ClickException, click.exceptions.Exit, WrongUsage):
        return None


@given(said=words())
def test_plain_words_mean_what_click_makes_of_them(said: list[str]) -> None:
    plain = read_words(["run", *said], {})
    if plain is not None:
        assert plain == as_click_reads(said)


@pytest.mark.parametrize(
    "said",
    [
        [],
        ["--state-dir", HERE, "--health-port", "0", "--clock", "synced", "--die-with-parent"],
        ["--config", __file__, "--allow-config-reload", "--link=none", "--watchdog-seconds", "2.5"],
        ["--health-host", "0.0.0.0", "--health-allow-remote", "--watchdog-seconds=0"],
        ["--link", "http", "--link", "mqtt"],
    ],
)
def test_what_a_supervisor_writes_is_plain(said: list[str]) -> None:
    plain = read_words(["run", *said], {})
    assert plain is not None
    assert plain == as_click_reads(said)


@pytest.mark.parametrize(
    "said",
    [
        ["run", "--help"],
        ["run", "--health-port", "70000"],
        ["run", "--health-port"],
        ["run", "--health-host", "0.0.0.0"],
        ["run", "--config", HERE],
        ["run", "--state-dir", __file__],
        ["run", "--die-with-parent=yes"],
        ["run", "further"],
        ["--config", "/a", "status"],
        ["--config"],
        ["status"],
        [],
    ],
)
def test_what_has_more_to_say_is_left_to_click(said: list[str]) -> None:
    assert read_words(said, {}) is None


def test_the_documentations_config_alone_runs_with_defaults() -> None:
    assert read_words(["--config", "/a/config.toml"], {"PYV_EDGE_STATE_DIR": "/b"}) == RunOrders(
        config=Path("/a/config.toml")
    )


@pytest.mark.parametrize(
    ("words", "variable", "state"),
    [
        (["run"], "/a", Path("/a")),
        (["run", "--state-dir", "/b"], "/a", Path("/b")),
        (["run"], "", None),
    ],
)
def test_the_state_directory_comes_from_its_variable_unless_said(
    words: list[str], variable: str, state: Path | None
) -> None:
    found = read_words(words, {"PYV_EDGE_STATE_DIR": variable})
    assert found is not None
    assert found.state_dir == state


def test_without_a_word_each_option_has_the_default_of_the_agent() -> None:
    assert read_words(["run"], {}) == RunOrders()
    assert orders_of({}) == RunOrders(options=AgentOptions(link=LinkKind.AUTO), watchdog_seconds=PATIENCE_SECONDS)


@pytest.mark.parametrize(
    ("said", "field", "value"),
    [
        ({"clock": "unsynced"}, "clock", Clock.UNSYNCED),
        ({"link": "http"}, "link", LinkKind.HTTP),
        ({"health_port": 80}, "health_port", 80),
        ({"allow_config_reload": True}, "allow_config_reload", True),
    ],
)
def test_an_option_reaches_the_agent(said: dict[str, Any], field: str, value: object) -> None:
    assert getattr(orders_of(said).options, field) == value


def test_listening_beyond_loopback_needs_a_second_word() -> None:
    with pytest.raises(WrongUsage, match="--health-allow-remote"):
        orders_of({"health_host": "0.0.0.0"})


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_a_config_that_cannot_be_read_is_clicks_to_tell(tmp_path: Path) -> None:
    config = tmp_path / "config.toml"
    config.touch(0o000)
    assert read_words(["run", "--config", str(config)], {}) is None


def test_each_kind_of_value_is_used() -> None:
    assert {one.takes for one in RUN_OPTIONS} == set(Takes)
