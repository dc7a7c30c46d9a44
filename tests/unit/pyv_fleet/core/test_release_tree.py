"""A directory is read whole: each file where its path says, each mistake by its file, all at once."""

from __future__ import annotations

import pytest

from pyv_fleet.core.release import ReleaseRefused
from pyv_fleet.core.release_tree import Terms, read_terms, read_tree
from pyvorin_edge.orders import Gate

GOOD = {"release.toml": b'version = "1"\n', "config.toml": b'[logging]\nlevel = "INFO"\n'}


def refused(files: dict[str, bytes]) -> tuple[str, ...]:
    with pytest.raises(ReleaseRefused) as caught:
        read_tree(files)
    return caught.value.errors


def test_each_layer_is_where_its_path_says() -> None:
    tree = read_tree(
        GOOD
        | {
            "layers/fleet.toml": b"",
            "layers/channel/beta.json": b"{}",
            "layers/group/berlin.toml": b"",
            "layers/device/FLEET-1.2.toml": b"",
        }
    )
    assert tree.fleet is not None
    assert (set(tree.channels), set(tree.groups), set(tree.devices)) == ({"beta"}, {"berlin"}, {"FLEET-1.2"})


def test_a_layer_says_what_to_remove_and_gives_values() -> None:
    tree = read_tree(
        GOOD | {"layers/fleet.toml": b'delete = ["/logging/level"]\n[values]\nport = 8081\n[health]\nport = 1\n'}
    )
    assert tree.fleet is not None
    assert tree.fleet.patch == {"logging": {"level": None}, "health": {"port": 1}}
    assert tree.fleet.values == {"port": 8081}


def test_release_toml_has_defaults_and_knows_its_keys() -> None:
    assert read_terms(b"") == Terms()
    assert read_terms(b"[gate]\nwithin_seconds = 5\n").gate.gate == Gate(within_seconds=5)
    for wrong, named in (
        (b"versoin = 1", "versoin"),
        (b"[gate]\nwithin = 5\n", "within"),
        (b"[gate.require]\nhelth = 1\n", "helth"),
        (b'open = ["sensors"]', "open"),
        (b"floor = -1", "floor"),
        (b"= 1", "release.toml"),
        (b"\xff", "release.toml"),
    ):
        with pytest.raises(ReleaseRefused, match=named):
            read_terms(wrong)


@pytest.mark.parametrize(
    ("path", "data", "named"),
    [
        ("layers/flet.toml", b"", "named fleet"),
        ("layers/chanel/beta.toml", b"", "layers/chanel/beta.toml"),
        ("layers/channel/Beta.toml", b"", "Beta"),
        ("layers/channel/a/b.toml", b"", "a/b"),
        ("layers/group/a b.toml", b"", "a b"),
        ("layers/device/-x.toml", b"", "-x"),
        ("layers/fleet.yaml", b"", "layers/fleet.yaml"),
        ("layers/fleet.toml", b"[x\n", "line 1"),
        ("layers/fleet.toml", b"delete = 1", "/delete"),
        ("layers/fleet.toml", b'delete = ["x"]', "/delete"),
        ("layers/fleet.toml", b'delete = ["/a"]\na = 1', "/a"),
        ("layers/fleet.toml", b"values = 1", "/values"),
    ],
)
def test_a_mistake_in_a_layer_is_named(path: str, data: bytes, named: str) -> None:
    assert any(named in error for error in refused(GOOD | {path: data}))


def test_two_files_for_one_name_are_refused() -> None:
    assert refused(GOOD | {"layers/channel/a.toml": b"", "layers/channel/a.json": b"{}"})


def test_all_mistakes_are_named_at_once() -> None:
    assert len(refused(GOOD | {"config.toml": b"[x", "layers/fleet.toml": b"[y", "layers/z.toml": b""})) == 3
