"""`pyv-edge-agent provision`: a state directory from a token."""

from __future__ import annotations

from pathlib import Path

import click
import msgspec

from pyv_edge_agent import hardware
from pyv_edge_agent.provision import (
    Provisioned,
    ProvisionError,
    known_device_id,
    parse_setting,
    provision_offline,
    render_config,
)
from pyv_edge_agent.provision import (
    provision as provision_device,
)
from pyvorin_edge.enrolment import EnrolmentToken, parse_token
from pyvorin_edge.identity import DeviceId, device_id_of, parse_device_id

TOKEN_BYTES_MAX = 4096


@click.command()
@click.option("--out", required=True, type=click.Path(file_okay=False, path_type=Path), help="The state directory.")
@click.option("--api", metavar="URL", help="The controller, https://host:port.")
@click.option(
    "--token-file",
    metavar="FILE",
    help="File with the enrolment token; - reads standard input. A token is never an argument.",
)
@click.option("--offline", is_flag=True, help="For a device without any network: no controller, it lives by parcels.")
@click.option(
    "--trust-anchor",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="With --offline: the fleet's trust_anchor.json; nothing but its root key is trusted.",
)
@click.option("--serial", help="Hardware serial to derive the device id from, instead of this machine's.")
@click.option("--device-id", help="The device id itself.")
@click.option("--prefix", default="FLEET", show_default=True, help="First part of a derived device id.")
@click.option(
    "--config",
    "template",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="First config, TOML or JSON; without it one with no sensors.",
)
@click.option(
    "--set", "settings", multiple=True, metavar="KEY.PATH=VALUE", help="Set a value of the config; may be repeated."
)
@click.option("--json", "as_json", is_flag=True, help="Say what was done as JSON.")
def provision(
    out: Path,
    api: str | None,
    token_file: str | None,
    offline: bool,
    trust_anchor: Path | None,
    serial: str | None,
    device_id: str | None,
    prefix: str,
    template: Path | None,
    settings: tuple[str, ...],
    as_json: bool,
) -> None:
    """Make OUT a device's state: id, key, certificate, trust anchor, config.

    A second run with everything in place changes nothing.
    """
    name = _device_id(out, serial, device_id, prefix)
    config = render_config(_read(template), [parse_setting(text) for text in settings])
    if offline:
        if trust_anchor is None or api is not None or token_file is not None:
            raise click.UsageError("--offline needs --trust-anchor, and neither --api nor --token-file")
        done = provision_offline(out, name, _file(trust_anchor, "--trust-anchor"), config)
    elif api is None or token_file is None or trust_anchor is not None:
        raise click.UsageError("give --api and --token-file, or --offline and --trust-anchor")
    else:
        done = provision_device(out, name, api, lambda: _token(token_file), config)
    if as_json:
        click.echo(msgspec.json.encode(done).decode())
    else:
        _say(done)


def _say(done: Provisioned) -> None:
    fleet = f"fleet {done.fleet}" if done.fleet else "the fleet of its first parcel"
    click.echo(f"device     {done.device_id}, incarnation {done.incarnation}, {fleet}")
    click.echo(f"state      {done.directory}")
    click.echo(f"config     {done.config}")
    click.echo(f"written    {', '.join(done.written) or 'nothing: everything stood already'}")


def _device_id(out: Path, serial: str | None, device_id: str | None, prefix: str) -> DeviceId:
    if serial is not None and device_id is not None:
        raise click.UsageError("give --serial or --device-id, not both")
    if device_id is not None:
        return parse_device_id(device_id)
    if serial is not None:
        return device_id_of(serial, prefix)
    return known_device_id(out) or device_id_of(hardware.serial_of().value, prefix)


def _token(source: str) -> EnrolmentToken:
    try:
        with click.open_file(source) as file:
            return parse_token(file.read(TOKEN_BYTES_MAX))
    except (OSError, UnicodeDecodeError) as why:
        raise ProvisionError(f"--token-file {source}: cannot be read: {why}") from None


def _read(template: Path | None) -> bytes | None:
    return None if template is None else _file(template, "--config")


def _file(path: Path, option: str) -> bytes:
    try:
        return path.read_bytes()
    except OSError as why:
        raise ProvisionError(f"{option} {path}: cannot be read: {why.strerror}") from None
