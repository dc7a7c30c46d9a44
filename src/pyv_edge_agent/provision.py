"""Provisioning: a state directory from a token (PROTOCOL 2). Each step looks first, so a second run changes nothing."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import msgspec

from pyv_edge_agent.disk.atomic import private_dir, read_bytes, write_durably
from pyv_edge_agent.link.join import parse_join
from pyv_edge_agent.state_dir import StateDir
from pyvorin_edge import trust, wire
from pyvorin_edge.config.document import problems, with_defaults
from pyvorin_edge.config.formats import parse, placed, sniff, write
from pyvorin_edge.config.problem import ConfigError
from pyvorin_edge.enrolment import EnrolmentToken
from pyvorin_edge.identity import DeviceId, parse_device_id
from pyvorin_edge.report import Join
from pyvorin_edge.vocabulary import ConfigFormat

#: What a device runs until its channel's first release reaches it, unless a template says otherwise.
FIRST_CONFIG: Final[dict[str, Any]] = {
    "sensors": {"poll_interval_seconds": 5.0, "devices": []},
    "cloud": {"enabled": False},
    "logging": {"level": "INFO", "format": "json"},
    "health": {"enabled": True, "port": 8080},
}


class ProvisionError(Exception):
    """What stands in the directory, or was asked for, cannot be; the message says what to do. Nothing was changed."""


class Setting(msgspec.Struct, frozen=True):
    """One `--set`: a path of keys, and list indices, and the value to stand there."""

    path: tuple[str, ...]
    value: Any


class Provisioned(msgspec.Struct, frozen=True, kw_only=True):
    """What was done."""

    device_id: DeviceId
    fleet: str
    incarnation: int
    directory: str
    config: str
    #: names of the files that this run wrote; empty = all stood already
    written: tuple[str, ...]


def parse_setting(text: str) -> Setting:
    """`key.path=value`: the value as TOML reads it, else as a string; ProvisionError if there is no `=`."""
    import tomllib

    path, equals, value = text.partition("=")
    keys = tuple(path.strip().split("."))
    if not equals or not all(keys):
        raise ProvisionError(f"--set {path}: write key.path=value, as in sensors.poll_interval_seconds=2.0")
    try:
        read = tomllib.loads(f"value = {value}")
    except tomllib.TOMLDecodeError:
        return Setting(keys, value)
    return Setting(keys, read["value"] if list(read) == ["value"] else value)


def render_config(template: bytes | None, settings: Sequence[Setting]) -> bytes:
    """The device's first config, as data: template, then settings, checked, written by a writer, never pasted.

    Without settings a template stays as it is, byte for byte. ConfigError with every problem; ProvisionError for a
    path that leads nowhere.
    """
    format = ConfigFormat.TOML if template is None else sniff(template)
    document = FIRST_CONFIG if template is None else parse(template, format)
    for setting in settings:
        document = _with(document, setting.path, setting)
    found = problems(with_defaults(document))
    if found:
        raise ConfigError(found if template is None else placed(found, template, format))
    return template if template is not None and not settings else write(document, ConfigFormat.TOML)


def provision(
    directory: Path, device_id: DeviceId, api: str, token: Callable[[], EnrolmentToken], config: bytes
) -> Provisioned:
    """Make `directory` a device's: id, key, certificate, trust anchor, join document, config.

    The token is asked for only while there is no certificate. LinkError and its kind, DiskError, TrustError,
    ProvisionError; what was done before one of them stays, and the next run goes on from there.
    """
    steps = _Steps(StateDir(private_dir(directory)))
    steps.name(device_id)
    ca_pem = steps.certificate(device_id, api, token)
    join = steps.join(device_id, api, ca_pem)
    steps.keep(steps.place.config, config, replace=False)
    return Provisioned(
        device_id=device_id,
        fleet=join.fleet,
        incarnation=join.incarnation,
        directory=str(directory),
        config=str(steps.place.config),
        written=tuple(steps.written),
    )


def provision_offline(directory: Path, device_id: DeviceId, trust_anchor: bytes, config: bytes) -> Provisioned:
    """Make `directory` the state of a device that no controller knows: id, trust anchor, config, and a key that hides
    values in hashes. It lives by parcels. TrustError, DiskError, ProvisionError; a second run changes nothing."""
    believed = trust.parse_anchor(trust_anchor)
    steps = _Steps(StateDir(private_dir(directory)))
    steps.name(device_id)
    place = steps.place
    installed = read_bytes(place.trust_anchor)
    if installed is not None and trust.parse_anchor(installed) != believed:
        raise ProvisionError(f"{place.trust_anchor} is another anchor: trust is not replaced, choose another --out")
    if installed is None:
        steps.keep(place.trust_anchor, trust_anchor)
    if read_bytes(place.credentials.key) is None:
        from pyv_edge_agent.link import enrol  # X.509 costs 2 MiB, and the agent needs this module for its id

        steps.keep(place.credentials.key, enrol.new_key_pem())
    steps.keep(place.config, config, replace=False)
    return Provisioned(
        device_id=device_id,
        fleet=believed.fleet or "",
        incarnation=1,
        directory=str(directory),
        config=str(place.config),
        written=tuple(steps.written),
    )


def known_device_id(directory: Path) -> DeviceId | None:
    """The id that the directory was provisioned for; none if it was not."""
    said = read_bytes(StateDir(directory).device_id)
    return None if said is None else parse_device_id(said.decode("utf-8", "replace").strip())


class _Steps:
    """The steps, each of which writes only what is not so already."""

    def __init__(self, place: StateDir) -> None:
        self.place = place
        self.written: list[str] = []

    def keep(self, path: Path, data: bytes, *, replace: bool = True) -> None:
        found = read_bytes(path)
        if found is None or (replace and found != data):
            write_durably(path, data)
            self.written.append(path.name)

    def name(self, device_id: DeviceId) -> None:
        known = known_device_id(self.place.root)
        if known not in (None, device_id):
            raise ProvisionError(f"{self.place.root} is the state of {known}: choose another --out for {device_id}")
        self.keep(self.place.device_id, f"{device_id}\n".encode())

    def certificate(self, device_id: DeviceId, api: str, token: Callable[[], EnrolmentToken]) -> str:
        """Key and certificate; the server CA that was pinned."""
        from pyv_edge_agent.link import enrol  # as above

        paths = self.place.credentials
        key = read_bytes(paths.key)
        if key is None:
            key = enrol.new_key_pem()
            self.keep(paths.key, key)
        known_ca = read_bytes(self.place.server_ca)
        if known_ca is not None and enrol.fits(read_bytes(paths.certificate) or b"", key, device_id):
            return known_ca.decode("ascii")
        pinned = token()
        ca_pem = enrol.fetch_server_ca(api, pinned)
        certificate = enrol.enrol(api, ca_pem, device_id, pinned, key)
        self.keep(paths.certificate, certificate)
        self.keep(self.place.server_ca, ca_pem.encode("ascii"))
        return ca_pem

    def join(self, device_id: DeviceId, api: str, ca_pem: str) -> Join:
        """The join document, believed only if its trust chain follows from the anchor that is or gets installed."""
        from pyv_edge_agent.link import enrol  # as above

        join, body = enrol.fetch_join(api, ca_pem, device_id, self.place.credentials)
        anchor = read_bytes(self.place.trust_anchor) or wire.encode({"public_key": join.trust_anchor}) + b"\n"
        documents = tuple(text.encode() for text in join.trust)
        believed = trust.advance_all(trust.parse_anchor(anchor), documents)
        if believed.fleet not in (None, join.fleet):
            raise ProvisionError(f"the controller is of fleet {join.fleet!r}, its trust document of {believed.fleet!r}")
        self.keep(self.place.trust_anchor, anchor)
        if documents:  # verified here, not again by the agent: python-tuf would stay in its memory
            self.keep(self.place.trust_proof, trust.proof_of(anchor, documents).encode("ascii"), replace=False)
        if _differs(read_bytes(self.place.join), join):
            self.keep(self.place.join, body)
        return join


def _differs(stored: bytes | None, join: Join) -> bool:
    return stored is None or parse_join(stored) != join


def _with(document: Any, path: tuple[str, ...], setting: Setting) -> Any:
    """A copy of the document with the value at the path; tables that are missing are made, list items are not."""
    if not path:
        return setting.value
    key, rest = path[0], path[1:]
    match document:
        case list() if key.isdigit() and int(key) < len(document):
            index = int(key)
            return [*document[:index], _with(document[index], rest, setting), *document[index + 1 :]]
        case Mapping():
            return {**document, key: _with(document.get(key, {}), rest, setting)}
    raise ProvisionError(f"--set {'.'.join(setting.path)}: there is no {key!r} to set")
