"""What `pyv-edge-agent run` takes: one table, from which the command line's `run` is made and its words are read.

`run` stays for years, and click with it would cost a small device a megabyte and a half: plain words are read here, and
whatever is not plain (--help, a mistake) goes to click, which knows what to say.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from enum import Enum
from math import isfinite
from pathlib import Path
from typing import Any, Final, NamedTuple

import msgspec

from pyv_edge_agent.core.pulse import PATIENCE_SECONDS
from pyv_edge_agent.link.choosing import LinkKind
from pyv_edge_agent.main import AgentOptions
from pyvorin_edge.address import is_loopback
from pyvorin_edge.vocabulary import Clock

STATE_VARIABLE: Final = "PYV_EDGE_STATE_DIR"
LOCK_VARIABLE: Final = "PYV_EDGE_UPDATE_LOCK"
PORT_MAX: Final = 65535


class Takes(Enum):
    """What may follow an option."""

    FLAG = "nothing"
    TEXT = "any text"
    DIRECTORY = "a path that is no file"
    FILE = "a path that is no directory"
    PORT = "a port"
    SECONDS = "seconds, not below 0"
    CHOICE = "one of its choices"


class RunOption(NamedTuple):
    """An option of `run`; its value's name is `words` without dashes."""

    words: str
    takes: Takes
    help: str
    default: Any = None
    choices: tuple[str, ...] = ()
    variable: str | None = None

    @property
    def name(self) -> str:
        """By which its value goes."""
        return self.words.removeprefix("--").replace("-", "_")


RUN_OPTIONS: Final = (
    RunOption(
        "--state-dir",
        Takes.DIRECTORY,
        "The device's state; by default the directory of --config, else /var/lib/pyvorin-edge.",
        variable=STATE_VARIABLE,
    ),
    RunOption("--config", Takes.FILE, "The live config, if it is not config.toml in the state directory."),
    RunOption("--health-host", Takes.TEXT, "Where /health listens.", "127.0.0.1"),
    RunOption("--health-port", Takes.PORT, "Before the config's health.port."),
    RunOption("--health-allow-remote", Takes.FLAG, "Let /health listen on another address than loopback.", False),
    RunOption("--allow-config-reload", Takes.FLAG, "Take signed parcels at POST /config/reload.", False),
    RunOption(
        "--link",
        Takes.CHOICE,
        "How the fleet is reached; auto: MQTT if it has a broker, else HTTP.",
        LinkKind.AUTO.value,
        tuple(kind.value for kind in LinkKind),
    ),
    RunOption(
        "--update-lock",
        Takes.FILE,
        "What applications lock to put updates off; by default update.lock in the state directory.",
        variable=LOCK_VARIABLE,
    ),
    RunOption(
        "--clock",
        Takes.CHOICE,
        "Your word on whether the clock is synchronised, before the machine's own.",
        choices=tuple(word.value for word in Clock),
    ),
    RunOption(
        "--watchdog-seconds",
        Takes.SECONDS,
        "A part of the agent that is stuck for so long ends it with status 5; 0: never.",
        PATIENCE_SECONDS,
    ),
    RunOption("--die-with-parent", Takes.FLAG, "End when the process that started this one ends.", False),
)


class WrongUsage(Exception):
    """Options that cannot be together."""


class RunOrders(msgspec.Struct, frozen=True, kw_only=True):
    """What `run` was told."""

    config: Path | None = None
    state_dir: Path | None = None
    options: AgentOptions = AgentOptions()
    #: a part that is stuck for so long ends the agent; 0: never
    watchdog_seconds: float = PATIENCE_SECONDS
    die_with_parent: bool = False


def read_words(words: Sequence[str], environment: Mapping[str, str]) -> RunOrders | None:
    """`run` with its options, or the documentation's `--config FILE` alone. None: there is more to say than to run."""
    told = list(words)
    if told[:1] == ["run"]:
        said = _said(told[1:], RUN_OPTIONS, environment)
    else:
        said = _said(told, [one for one in RUN_OPTIONS if one.words == "--config"], {})
        if said is None or said["config"] is None:
            return None
    try:
        return None if said is None else orders_of(said)
    except WrongUsage:
        return None


def orders_of(said: Mapping[str, Any]) -> RunOrders:
    """From the options' values by name; what is not said has its default. WrongUsage."""
    values = {one.name: one.default for one in RUN_OPTIONS} | dict(said)
    host = values["health_host"]
    if not values["health_allow_remote"] and not is_loopback(host):
        raise WrongUsage(f"--health-host {host} is no loopback address: add --health-allow-remote")
    options = AgentOptions(
        health_host=host,
        health_port=values["health_port"],
        health_allow_remote=values["health_allow_remote"],
        allow_config_reload=values["allow_config_reload"],
        link=LinkKind(values["link"]),
        update_lock=values["update_lock"],
        clock=Clock(values["clock"]) if values["clock"] is not None else None,
    )
    return RunOrders(
        config=values["config"],
        state_dir=values["state_dir"],
        options=options,
        watchdog_seconds=values["watchdog_seconds"],
        die_with_parent=values["die_with_parent"],
    )


def _said(words: Sequence[str], known: Sequence[RunOption], environment: Mapping[str, str]) -> dict[str, Any] | None:
    """Values by name, the last word on each counts; None if a word is not plain."""
    options = {one.words: one for one in known}
    said = {one.name: environment.get(one.variable or "") or None for one in known if one.variable}
    left = list(words)
    while left:
        word, joined, value = left.pop(0).partition("=")
        option = options.get(word)
        if option is None or (option.takes is Takes.FLAG and joined):
            return None
        if option.takes is not Takes.FLAG and not joined:
            if not left:
                return None
            value = left.pop(0)
        said[option.name] = value
    return _understood(said, known)


def _understood(said: Mapping[str, str | None], known: Sequence[RunOption]) -> dict[str, Any] | None:
    found: dict[str, Any] = {}
    for option in known:
        text = said.get(option.name)
        if text is None:
            found[option.name] = option.default
        elif option.takes is Takes.FLAG:
            found[option.name] = True
        elif (value := _value(option, text)) is not None:
            found[option.name] = value
        else:
            return None
    return found


def _value(option: RunOption, text: str) -> Any:
    """None if it is not plainly one."""
    match option.takes:
        case Takes.TEXT:
            return text
        case Takes.CHOICE:
            return text if text in option.choices else None
        case Takes.PORT:
            return int(text) if _is_number(text) and int(text) <= PORT_MAX else None
        case Takes.SECONDS:
            whole, _, part = text.partition(".")
            return float(text) if _is_number(whole + part) and isfinite(float(text)) else None
        case _:
            return _path(option, text)


def _is_number(text: str) -> bool:
    return text.isascii() and text.isdecimal() and len(text) < 16


def _path(option: RunOption, text: str) -> Path | None:
    """One that is there must be of its kind, and readable; a mistake is for click to tell."""
    other = os.path.isdir(text) if option.takes is Takes.FILE else os.path.isfile(text)
    if not text or other or (os.path.exists(text) and not os.access(text, os.R_OK)):
        return None
    return Path(text)
