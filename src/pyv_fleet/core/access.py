"""Who may call a route: a statement per route, a caller per request, one decision (SECURITY: denied unless stated)."""

from __future__ import annotations

from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network
from typing import Final

import msgspec

from pyv_fleet.core.words import AuthScope

PAGE_COOKIE: Final = {True: "__Host-pyv_fleet_session", False: "pyv_fleet_session"}
"""By whether TLS is spoken: what was set over TLS cannot be set over without it, and a browser keeps ports together."""
_RANK: Final = {AuthScope.INGEST: -1, AuthScope.READ: 0, AuthScope.OPERATE: 1, AuthScope.ADMIN: 2}
Network = IPv4Network | IPv6Network


class May(msgspec.Struct, frozen=True, kw_only=True):
    """What a route states of itself; each field opens one door, all shut by default."""

    #: tokens of this scope or a higher one
    scope: AuthScope | None = None
    #: any device with a valid certificate of this fleet
    device: bool = False
    #: only the device whose id stands in the path
    same_device: bool = False
    #: the article's clients, without credentials, from `article_networks`
    article: bool = False
    #: the page's own readers: a session, or loopback where the settings say so
    page: bool = False
    #: the page's own forms: only a session of the scope, and what is sent bears a seal and comes from this server
    form: bool = False
    #: on loopback without a token: figures alone
    loopback: bool = False
    #: everybody; its own credentials, if any, are checked inside (enrolment, login)
    everyone: bool = False


class Caller(msgspec.Struct, frozen=True, kw_only=True):
    """What is known of who calls, before any decision."""

    #: the peer's address; none over a Unix socket
    address: str | None
    #: the request names this server by address, localhost or a name of the settings: else a page elsewhere may have
    #: led a browser here (DNS rebinding), and being near opens nothing
    host_known: bool = True
    name: str | None = None
    scope: AuthScope | None = None
    #: of a certificate that the store holds valid
    device_id: str | None = None
    #: the key of the page's session: good for the page and its forms alone
    session: str | None = None


class Doors(msgspec.Struct, frozen=True, kw_only=True):
    """What the settings open."""

    article_networks: tuple[str, ...] = ("127.0.0.0/8", "::1/128")
    page_open_on_loopback: bool = False


class Denied(msgspec.Struct, frozen=True):
    """Why not: 401 if nobody is known, 403 if the one who is known may not."""

    status: int
    why: str


def decide(may: May, caller: Caller, doors: Doors, path_device: str | None) -> Denied | None:
    """None = the caller may. `path_device` is the device id in the route's path, if it has one."""
    if may.everyone or _by_place(may, caller, doors) or _by_token(may, caller):
        return None
    if caller.device_id is not None and (may.device or (may.same_device and caller.device_id == path_device)):
        return None
    return _denied(may, caller)


def known_host(header: str | None, hosts: tuple[str, ...]) -> bool:
    """Whether a Host header names this server by address, as localhost, or by one of `hosts`."""
    if header is None:
        return False
    name = header.rpartition("]")[0].lstrip("[") if header.startswith("[") else header.partition(":")[0]
    return name.lower() in ("localhost", *(host.lower() for host in hosts)) or _address(name) is not None


def on_loopback(address: str | None) -> bool:
    """Whether a peer's address is this machine's own; one that cannot be read is not."""
    found = _address(address)
    return found is not None and found.is_loopback


def _by_place(may: May, caller: Caller, doors: Doors) -> bool:
    if not caller.host_known:
        return False
    if may.article and within(caller.address, doors.article_networks):
        return True
    if may.page and doors.page_open_on_loopback and on_loopback(caller.address):
        return True
    return may.loopback and on_loopback(caller.address)


def _by_token(may: May, caller: Caller) -> bool:
    if caller.scope is None:
        return False
    if may.form and caller.session is None:
        return False
    if caller.session is not None and not (may.page or may.form):
        return False
    needed = may.scope or (AuthScope.READ if may.page or may.article or may.form else None)
    return needed is not None and _RANK[caller.scope] >= _RANK[needed]


def within(address: str | None, networks: tuple[str, ...]) -> bool:
    """Whether the address lies in one of the networks."""
    found = _address(address)
    return found is not None and any(found in ip_network(network, strict=False) for network in networks)


def _address(text: str | None) -> IPv4Address | IPv6Address | None:
    try:
        found = ip_address(text or "")
    except ValueError:
        return None
    return (found.ipv4_mapped or found) if isinstance(found, IPv6Address) else found


def _denied(may: May, caller: Caller) -> Denied:
    if caller.scope is None and caller.device_id is None:
        return Denied(401, f"this needs {_wanted(may)}")
    who = caller.name or caller.device_id
    return Denied(403, f"{who} may not: this needs {_wanted(may)}")


def _wanted(may: May) -> str:
    ways = []
    if may.form:
        return f"to be signed in on the page with a token of scope {may.scope or AuthScope.READ}"
    if may.scope is not None or may.page or may.article:
        ways.append(f"a token of scope {may.scope or AuthScope.READ} (Authorization: Bearer …)")
    if may.device:
        ways.append("a device's certificate")
    if may.same_device:
        ways.append("the certificate of the device in the path")
    return " or ".join(ways) or "to be called from this machine"
