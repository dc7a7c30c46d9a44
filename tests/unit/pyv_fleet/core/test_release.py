"""What is wrong in syntax or sense is refused before it can be signed."""

from __future__ import annotations

import json
import tomllib

import pytest

from pyv_fleet.core.release import ReleaseRefused, build_release, refuse_config, refuse_mismatch
from pyvorin_edge.canonical import config_hash
from pyvorin_edge.identity import digest_of
from pyvorin_edge.vocabulary import ConfigFormat

GOOD = b'[[sensors.devices]]\nname = "t1"\n[cloud]\napi_key = "${KEY}"\n'


def test_a_good_config_becomes_a_release_with_its_golden_hash() -> None:
    release = build_release(GOOD, fleet="f", version="1.0", format=ConfigFormat.TOML)
    assert release.golden_hash == config_hash(tomllib.loads(GOOD.decode()))
    assert (release.config.sha256, release.config.size) == (digest_of(GOOD), len(GOOD))
    refuse_mismatch(release, GOOD)


@pytest.mark.parametrize(
    ("blob", "named"),
    [
        (b"[sensors\nx = 1", "line 1"),
        (b"[health]\nport = 99999999\n", "/health/port"),
        (b"[sensrs]\n", "/sensrs"),
        (b'[cloud]\napi_key = "${KEY"\n', "/cloud/api_key"),
        (b"x = 2020-01-01\n", "/x"),
        (b"x = nan\n", "/x"),
    ],
)
def test_a_wrong_config_is_refused_by_its_field(blob: bytes, named: str) -> None:
    with pytest.raises(ReleaseRefused, match=named):
        build_release(blob, fleet="f", version="1.0", format=ConfigFormat.TOML)


def test_every_problem_is_named_not_only_the_first() -> None:
    blob = json.dumps({"health": {"port": -1}, "logging": {"level": "LOUD"}}).encode()
    with pytest.raises(ReleaseRefused) as caught:
        refuse_config(blob, ConfigFormat.JSON)
    assert len(caught.value.errors) == 2


def test_a_senseless_config_can_be_forced_and_one_that_does_not_parse_cannot() -> None:
    senseless = b"[health]\nport = 99999999\n"
    release = build_release(senseless, fleet="f", version="1", format=ConfigFormat.TOML, skip_validation=True)
    refuse_mismatch(release, senseless, skip_validation=True)
    with pytest.raises(ReleaseRefused, match="line 1"):
        build_release(b"[x\n", fleet="f", version="1", format=ConfigFormat.TOML, skip_validation=True)


def test_another_blob_than_the_release_names_is_refused() -> None:
    release = build_release(GOOD, fleet="f", version="1.0", format=ConfigFormat.TOML)
    with pytest.raises(ReleaseRefused, match=r"config.sha256"):
        refuse_mismatch(release, GOOD.replace(b"t1", b"t2"))


@pytest.mark.parametrize("version", ["", "a b", "../x", "x" * 65])
def test_a_version_outside_its_form_is_refused(version: str) -> None:
    with pytest.raises(ReleaseRefused, match="version"):
        build_release(GOOD, fleet="f", version=version, format=ConfigFormat.TOML)
