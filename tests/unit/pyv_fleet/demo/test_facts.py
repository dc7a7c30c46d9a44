"""What the demo tells is true: its commands exist, and programs read the same as people."""

from __future__ import annotations

import json
import shlex
from pathlib import Path

import click
import pytest

from pyv_fleet.demo.facts import AgentFacts, DemoFacts, commands, curtain, write_facts
from pyv_fleet.demo.stage import Seat, Stage
from pyv_fleet.main import cli

STAGE = Stage(
    Path("demo"), 1, 2, 3, tuple(Seat(f"demo-{n}", Path(f"demo/agents/demo-{n}"), f"127.0.1.{n}") for n in (1, 2, 3))
)


def test_there_are_five_commands_to_try() -> None:
    assert len(commands(STAGE)) == 5


@pytest.mark.parametrize("line", commands(STAGE))
def test_each_command_to_try_is_one_that_exists_with_its_options(line: str) -> None:
    for part in line.split(" && "):
        program, *words = shlex.split(part)
        assert program in ("pyv-fleet", "sed", "sleep")
        if program == "pyv-fleet":
            _parse(cli, words)


def test_programs_find_every_agent_in_the_file(tmp_path: Path) -> None:
    facts = _facts()
    write_facts(tmp_path / "demo.json", facts)
    found = json.loads((tmp_path / "demo.json").read_text())
    assert {"page", "api", "token_file", "broker", "agents", "commands"} <= found.keys()
    assert {"id", "pid", "state_dir", "config", "health_url"} <= found["agents"][0].keys()
    assert found["agents"][0]["pid"] == 7


def test_people_read_where_to_look_and_what_to_try() -> None:
    said = curtain(_facts(), 12.3)
    for word in ("12 s", "http://127.0.0.1:2/", "FLEET-000000000001", "pyv-fleet health", "Ctrl-C"):
        assert word in said


def _facts() -> DemoFacts:
    agent = AgentFacts(
        id="FLEET-000000000001", serial="demo-1", pid=7, state_dir="s", config="c", health_url="h", log="l"
    )
    return DemoFacts(
        page=STAGE.page_url,
        api=STAGE.api_url,
        ca="ca",
        operator="operator",
        token_file="token",
        broker="127.0.0.1:3",
        controller_pid=1,
        simulator_pid=2,
        agents=(agent,),
        commands=commands(STAGE),
    )


def _parse(command: click.Command, words: list[str]) -> None:
    """Walk down to the command itself and let it read its options; click raises for what it does not know."""
    context = click.Context(command)
    while isinstance(command, click.Group) and not words[0].startswith("-"):
        inner = command.get_command(context, words.pop(0))
        assert inner is not None
        command = inner
    command.make_parser(click.Context(command)).parse_args(words)
