"""What every route may use, handed to it by the app."""

from __future__ import annotations

import asyncio
import datetime as dt
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Annotated

from cryptography import x509
from litestar.connection import ASGIConnection
from litestar.datastructures import State
from litestar.di import NamedDependency
from litestar.params import HeaderParameter, QueryParameter, SkipValidation
from litestar.types import Scope

from pyv_fleet.api.slots import Slots
from pyv_fleet.core.access import Caller, Doors
from pyv_fleet.core.words import PollOutcome
from pyv_fleet.engine.desk import Desk

CALLER_KEY = "caller"


@dataclass
class Kept:
    """A text that costs something to make, and until when (the loop's time) it holds."""

    text: bytes = b""
    until: float = 0.0
    lock: asyncio.Lock = field(default_factory=asyncio.Lock)


@dataclass(frozen=True)
class ApiContext:
    """The desk behind the routes, and what the settings open."""

    desk: Desk
    #: devices' certificates are issued by it
    device_ca: x509.Certificate
    #: this server's own certificate is issued by it; a fresh device knows its key from the token
    server_ca: x509.Certificate
    clock: Callable[[], dt.datetime]
    doors: Doors = field(default_factory=Doors)
    #: names by which clients reach this server, beside localhost and addresses
    hosts: tuple[str, ...] = ()
    #: set when the server ends: endless answers end too
    #: of the managed broker while it runs
    broker_pid: Callable[[], int | None] = lambda: None
    #: messages of devices that wait to be stored
    backlog: Callable[[], int] = lambda: 0
    #: polls since the start, by how they went
    polls: Callable[[], Mapping[PollOutcome, int]] = dict
    #: alerts of the article's script that were none, since the start, by name
    not_raised: Callable[[], Mapping[str, int]] = dict
    #: of bundles
    downloads: Slots = field(default_factory=lambda: Slots(64, 2))
    closing: asyncio.Event = field(default_factory=asyncio.Event)
    metrics: Kept = field(default_factory=Kept)


def provide_context(state: State) -> ApiContext:
    """For Litestar's injection."""
    context: ApiContext = state.context
    return context


def provide_desk(state: State) -> Desk:
    """For Litestar's injection."""
    return provide_context(state).desk


def provide_caller(scope: Scope) -> Caller:
    """Whom the guard admitted."""
    return caller_of(scope)


def caller_of(scope: Scope) -> Caller:
    """The caller that the guard put into the request's state."""
    state = scope["state"]
    assert isinstance(state, dict)
    caller = state[CALLER_KEY]
    assert isinstance(caller, Caller)
    return caller


def remember_caller(connection: ASGIConnection, caller: Caller) -> None:  # type: ignore[type-arg]
    """For the guard."""
    connection.scope["state"][CALLER_KEY] = caller


def actor_of(caller: Caller) -> str:
    """The name under which an act is written into the audit log."""
    return caller.name or caller.device_id or f"anonymous at {caller.address}"


HasDesk = SkipValidation[NamedDependency[Desk]]
HasContext = SkipValidation[NamedDependency[ApiContext]]
HasCaller = SkipValidation[NamedDependency[Caller]]
After = Annotated[str | None, QueryParameter(name="after", max_length=256, description="`next` of the page before")]
IfMatch = Annotated[str | None, HeaderParameter(name="If-Match", max_length=64, description="`etag` that was seen")]
IfNoneMatch = Annotated[
    str | None, HeaderParameter(name="If-None-Match", max_length=64, description="`*`: only if new")
]
Why = Annotated[str, QueryParameter(name="reason", max_length=512, description="it stands in the audit log")]
Limit = Annotated[int, QueryParameter(name="limit", ge=1, le=1000, description="how many at most")]
