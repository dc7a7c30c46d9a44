"""The files that `drift adopt --out` writes are a release's directory, which builds to the live config."""

from __future__ import annotations

import pytest

from pyv_fleet.core.adopted_release import adopted_files
from pyv_fleet.core.release import build_release
from pyv_fleet.core.release_build import assemble
from pyv_fleet.core.release_tree import read_tree
from pyv_fleet.core.views import AdoptionView
from pyvorin_edge.config.formats import parse
from pyvorin_edge.config.layers import merge_patch
from pyvorin_edge.orders import Gate
from pyvorin_edge.vocabulary import ConfigFormat

BLOB = b'[logging]\nlevel = "INFO" # as ever\n[sensors]\npoll_interval_seconds = 5.0\ndevices = []\n'


@pytest.mark.parametrize(
    ("version", "made"), [("1.0", "1.0-adopted-abababab"), ("1.0-adopted-00000000+beta", "1.0-adopted-abababab")]
)
def test_they_build_to_the_release_with_the_change_in_it(version: str, made: str) -> None:
    terms = {"security": 3, "floor": 2, "gate": Gate(within_seconds=7), "open_pointers": ("/logging",)}
    release = build_release(BLOB, fleet="lab", version=version, format=ConfigFormat.TOML, **terms)  # type: ignore[arg-type]
    patch, own = {"sensors": {"poll_interval_seconds": 2.5}}, {"logging": {"level": "DEBUG"}}
    found = AdoptionView(
        device_id="FLEET-1", channel="stable", number=1, live_hash="ab" * 32, release="cd" * 32, version=version,
        keys=(), own=own, patch=patch, whole=True,
    )  # fmt: skip
    built = assemble(read_tree(adopted_files(found, release, BLOB, None)), fleet="lab")
    assert (built.release.version, built.release.security, built.release.floor) == (made, 3, 2)
    assert (built.release.gate, built.release.open) == (release.gate, release.open)
    assert parse(built.blob, ConfigFormat.TOML) == merge_patch(parse(BLOB, ConfigFormat.TOML), patch)
    assert built.overlays.devices["FLEET-1"].overlay == own
