"""An overlay is judged here as the device judges it: open, canonical, and a config that makes sense."""

from __future__ import annotations

from typing import Any

import pytest

from pyv_fleet.core.overlay import OverlayRefused, checked_hash
from pyv_fleet.core.release import build_release
from pyvorin_edge.config.layers import golden_hash
from pyvorin_edge.orders import Release
from pyvorin_edge.vocabulary import ConfigFormat

BLOB = b'[logging]\nlevel = "INFO"\n'
OPEN = ("/logging", "/sensors/scan_interval_seconds")


def release(blob: bytes = BLOB) -> Release:
    return build_release(
        blob, fleet="lab", version="1.0", format=ConfigFormat.TOML, open_pointers=OPEN, skip_validation=True
    )


def test_an_overlay_that_fits_has_the_hash_that_the_device_computes() -> None:
    overlay = {"logging": {"level": "DEBUG"}}
    assert checked_hash(release(), BLOB, overlay) == golden_hash(BLOB, ConfigFormat.TOML, overlay)


def test_with_no_overlay_the_release_holds_even_one_that_was_published_unchecked() -> None:
    senseless = b"[health]\nport = 99999999\n"
    made = release(senseless)
    assert checked_hash(made, senseless, {}) == made.golden_hash


@pytest.mark.parametrize(
    ("overlay", "said"),
    [
        (
            {"health": {"port": 1}, "privacy": None},
            ["/health/port: release 1.0 opens /logging", "/privacy: release 1.0"],
        ),
        ({"logging": {"level": "LOUD"}}, ["with release 1.0: ", "/logging/level"]),
        ({"logging": {"level": None, "nonsense": [None]}}, ["/logging/nonsense"]),
        ({"logging": {"level": 2**60}}, ["/logging/level"]),
        ({"logging": 3}, ["/logging"]),
    ],
)
def test_what_a_device_would_reject_is_refused_by_its_path(overlay: dict[str, Any], said: list[str]) -> None:
    with pytest.raises(OverlayRefused) as refused:
        checked_hash(release(), BLOB, overlay)
    for part in said:
        assert part in str(refused.value)
