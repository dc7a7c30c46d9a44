"""What the demo tells: to programs as `demo.json`, to people as a last screen."""

from __future__ import annotations

from pathlib import Path

import msgspec

from pyv_fleet.demo.stage import Stage
from pyv_fleet.durable import write_durably


class AgentFacts(msgspec.Struct, frozen=True, kw_only=True):
    """One real agent."""

    id: str
    serial: str
    pid: int
    state_dir: str
    config: str
    health_url: str
    log: str


class DemoFacts(msgspec.Struct, frozen=True, kw_only=True):
    """Where everything is."""

    page: str
    api: str
    #: the server CA that signs the API's and the broker's certificates
    ca: str
    #: the operator's home: PYV_FLEET_HOME
    operator: str
    token_file: str
    broker: str
    controller_pid: int
    simulator_pid: int | None
    agents: tuple[AgentFacts, ...]
    commands: tuple[str, ...]


def write_facts(path: Path, facts: DemoFacts) -> None:
    """`demo.json`: there once the demo is up, and only then."""
    write_durably(path, msgspec.json.format(msgspec.json.encode(facts), indent=2) + b"\n")


def commands(stage: Stage) -> tuple[str, ...]:
    """Five commands to try next."""
    first = stage.seats[0]
    return (
        "pyv-fleet health",
        f"pyv-fleet device provision --serial demo-4 --out {_short(stage.root)}/agents/demo-4 --label kind=real",
        f"pyv-fleet release create --version 1.1 --config {_short(stage.root)}/config-1.0.toml"
        " && pyv-fleet rollout create --channel stable --release 1.1 --soak 5 --reason 'first try'",
        f"sed -i 's/poll_interval_seconds = 1.0/poll_interval_seconds = 9.0/' {_short(first.state_dir)}/config.toml"
        " && sleep 2 && pyv-fleet drift list",
        "pyv-fleet rollback --to 1.0 --all --reason 'as it was'",
    )


def curtain(facts: DemoFacts, seconds: float) -> str:
    """The screen that stays: where to look, what to try."""
    agents = "\n".join(f"    {one.serial}  {one.id}  pid {one.pid}  {one.health_url}" for one in facts.agents)
    tries = "\n".join(f"  {number}. {command}" for number, command in enumerate(facts.commands, start=1))
    return f"""
The demo is up after {seconds:.0f} s: {len(facts.agents)} real agents and the simulated ones, all healthy.

  page    {facts.page}
  API     {facts.api}
  broker  {facts.broker} (TLS, client certificates)
  agents
{agents}

Try next, in another terminal (source .venv/bin/activate first):

{tries}

The same for programs: demo.json. Ctrl-C stops everything."""


def _short(path: Path) -> str:
    try:
        return str(path.relative_to(Path.cwd()))
    except ValueError:
        return str(path)
