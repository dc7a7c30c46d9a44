"""What differs is named by its place; secrets are named and not shown."""

from __future__ import annotations

import msgspec

from pyv_fleet.core.release import build_release
from pyv_fleet.core.release_diff import Difference, Side, differences
from pyvorin_edge.config.formats import parse
from pyvorin_edge.identity import Digest
from pyvorin_edge.orders import BundleRef, Gate
from pyvorin_edge.vocabulary import ConfigFormat

TOML = b'[health]\nport = 8080\n[cloud]\nenabled = false\napi_key = "one"\n'
BUNDLE = BundleRef(name="a", version="1", manifest_sha256=Digest("0" * 64), sha256=Digest("1" * 64), size=5)


def side(blob: bytes = TOML, **terms: object) -> Side:
    release = build_release(blob, fleet="lab", version="1", format=ConfigFormat.TOML)
    return Side(msgspec.structs.replace(release, **terms), parse(blob, ConfigFormat.TOML))


def test_the_same_has_no_differences_whatever_its_version() -> None:
    assert differences(side(), side(version="2")) == ()


def test_a_config_differs_by_key_path() -> None:
    found = differences(side(), side(TOML.replace(b"8080", b"8081")))
    assert found == (Difference("config", "/health/port", 8080, 8081),)


def test_a_secret_differs_and_is_not_shown() -> None:
    found = differences(side(), side(TOML.replace(b"one", b"two")))
    assert found == (Difference("config", "/cloud/api_key", "[redacted]", "[redacted]"),)


def test_a_key_that_is_not_there_is_absent() -> None:
    found = differences(side(), side(TOML.replace(b"port = 8080\n", b"")))
    assert found == (Difference("config", "/health/port", 8080, None),)


def test_terms_differ_too() -> None:
    found = differences(side(), side(bundle=BUNDLE, gate=Gate(hold_seconds=11), open=("/x",), security=2, floor=1))
    assert [one.of for one in found] == ["bundle", "gate", "open", "security", "floor"]
    assert found[2] == Difference("open", "/x", None, "open")


def test_a_config_alone_is_compared_by_its_config_alone() -> None:
    assert differences(Side(None, side().document), side(security=2)) == ()
