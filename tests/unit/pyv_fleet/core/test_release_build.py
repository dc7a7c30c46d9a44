"""What is built holds on every device: config, and each assignment over it; or every mistake is named with its file."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pyv_fleet.core.release import ReleaseRefused, refuse_mismatch
from pyv_fleet.core.release_build import Built, assemble, overlays_bytes
from pyv_fleet.core.release_tree import read_tree
from pyvorin_edge.config.layers import golden_hash
from pyvorin_edge.identity import digest_of
from pyvorin_edge.orders import Release, decode_order

CONFIG = b"# read often\n[sensors]\npoll_interval_seconds = 1.0\n"
OPEN = b'version = "1.0"\nopen = ["/sensors/poll_interval_seconds", "/health"]\n'


def files(**more: bytes) -> dict[str, bytes]:
    named = {f"layers/{name.replace('__', '/')}.toml": data for name, data in more.items()}
    return {"release.toml": OPEN, "config.toml": CONFIG, **named}


def build(found: dict[str, bytes], channel: str | None = None) -> Built:
    return assemble(read_tree(found), fleet="lab", channel=channel)


def refused(found: dict[str, bytes], channel: str | None = None) -> str:
    with pytest.raises(ReleaseRefused) as caught:
        build(found, channel)
    return "\n".join(caught.value.errors)


def test_without_layers_the_config_is_signed_byte_for_byte() -> None:
    built = build(files())
    assert built.blob == CONFIG
    assert built.release.config.sha256 == digest_of(CONFIG)
    assert decode_order(built.payload, Release) == built.release
    assert built.digest == digest_of(built.payload)


def test_fleet_and_channel_go_into_the_signed_config_and_the_version_names_the_channel() -> None:
    built = build(
        files(fleet=b"[health]\nport = 8081\n", channel__beta=b"[health]\nport = 8082\n", channel__stable=b""), "beta"
    )
    assert b"8082" in built.blob
    assert b"8081" not in built.blob
    assert built.release.version == "1.0+beta"
    refuse_mismatch(built.release, built.blob)


@given(st.randoms(use_true_random=False))
def test_the_same_files_in_any_order_give_the_same_bytes(random: object) -> None:
    found = list(files(fleet=b"[health]\nport = 8081\n", group__a=b"[health]\nport = 1\n", device__X=b"").items())
    expected = build(dict(found))
    random.shuffle(found)  # type: ignore[attr-defined]
    again = build(dict(found))
    assert (again.payload, again.blob) == (expected.payload, expected.blob)
    assert overlays_bytes(again.overlays) == overlays_bytes(expected.overlays)


def test_groups_and_devices_become_overlays_with_the_golden_hash_that_a_device_computes() -> None:
    built = build(files(group__berlin=b"[health]\nport = 8089\n", device__FLEET_1=b"[health]\nport = 8090\n"))
    berlin = built.overlays.groups["berlin"]
    assert berlin.overlay == {"health": {"port": 8089}}
    assert berlin.golden_hash == golden_hash(built.blob, built.release.config.format, berlin.overlay)
    assert json.loads(overlays_bytes(built.overlays))["release"] == built.digest
    assert b"8089" not in built.blob


def test_a_channel_is_said_where_there_are_layers_of_channels_and_only_then() -> None:
    assert "beta" in refused(files(channel__beta=b""))
    assert "there: beta" in refused(files(channel__beta=b""), "gamma")
    assert "none" in refused(files(), "beta")


def test_a_version_is_needed() -> None:
    assert "version" in refused(files() | {"release.toml": b""})


@pytest.mark.parametrize(
    ("found", "said"),
    [
        (files(fleet=b"\n[health]\nport = -1\n"), "layers/fleet.toml: line 3, /health/port"),
        (files(fleet=b"[helth]\nport = 1\n"), "layers/fleet.toml: line 1, /helth"),
        (files(fleet=b'delete = ["/nope"]\n'), "layers/fleet.toml: /nope"),
        (files(group__a=b'[logging]\nlevel = "INFO"\n'), "layers/group/a.toml: /logging/level: not open"),
        (files(device__X=b"[health]\nport = 99999999\n"), "layers/device/X.toml: line 2, /health/port"),
        (files(device__X=b"[values]\nx = 1\n"), "layers/device/X.toml: line 2, /values/x"),
    ],
)
def test_what_is_wrong_is_said_with_the_file_that_brought_it(found: dict[str, bytes], said: str) -> None:
    assert said in refused(found)


def test_a_group_means_the_same_in_every_channel() -> None:
    found = files(
        fleet=b"[values]\npoll = 1.0\n",
        channel__beta=b"[values]\npoll = 2.0\n",
        channel__stable=b"",
        group__a=b'[sensors]\npoll_interval_seconds = { "$value" = "poll" }\n',
    )
    assert "layers/group/a.toml: means another thing in channel stable" in refused(found, "beta")
    del found["layers/channel/stable.toml"]
    build(found, "beta")


def test_a_value_of_the_wrong_type_is_said_where_it_is_used_with_where_it_comes_from() -> None:
    found = files(fleet=b'[values]\npoll = "often"\n')
    found["config.toml"] = b'[sensors]\npoll_interval_seconds = { "$value" = "poll" }\n'
    said = refused(found)
    assert said.startswith("config.toml: line 2, /sensors/poll_interval_seconds")
    assert "poll of layers/fleet.toml" in said


def test_all_that_is_wrong_in_all_layers_is_said_at_once() -> None:
    found = files(
        fleet=b"[health]\nport = -1\n", group__a=b"[sensors]\npoll_interval_seconds = -1.0\n", device__X=b"[x]\ny=1\n"
    )
    said = refused(found)
    for one in ("layers/fleet.toml", "layers/group/a.toml", "layers/device/X.toml"):
        assert one in said


def test_every_leaf_says_which_layer_set_it_and_hides_secrets() -> None:
    found = files(fleet=b'[cloud]\nenabled = false\napi_key = "plain"\n', group__a=b"[health]\nport = 8090\n")
    leaves = {(leaf.of, leaf.pointer): leaf for leaf in build(found).leaves}
    assert leaves["release", "/cloud/api_key"].value == "[redacted]"
    assert leaves["release", "/cloud/api_key"].layer == "layers/fleet.toml"
    assert leaves["release", "/sensors/poll_interval_seconds"].layer == "config.toml"
    assert leaves["group a", "/health/port"].layer == "layers/group/a.toml"
