"""Finding mosquitto, and saying what to do where there is none. Fetching for real is in tests/system/test_broker.py."""

from pathlib import Path

import pytest

from pyv_fleet.broker import fetch
from pyv_fleet.broker.interface import BrokerNotFound


def program(path: Path, text: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"#!/bin/sh\n{text}\n")
    path.chmod(0o755)
    return path


@pytest.fixture
def bare(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A machine without mosquitto and without apt."""
    monkeypatch.setenv("PATH", str(tmp_path / "bin"))
    monkeypatch.setattr(fetch, "SYSTEM_PLACES", (str(tmp_path / "sbin"),))
    return tmp_path


@pytest.mark.parametrize("place", ["bin", "sbin"])
def test_the_machines_own_comes_first(bare: Path, place: str) -> None:
    own = program(bare / place / "mosquitto", "echo mosquitto version 2.0.18; exit 3")
    found = fetch.obtain(bare / "cache")
    assert (found.executable, found.version, found.environment) == (own, "2.0.18", {})


def test_one_that_was_fetched_before_is_used_with_its_libraries(bare: Path) -> None:
    cache = bare / "cache"
    program(cache / "usr/sbin/mosquitto", "echo mosquitto version 2.0.11")
    library = cache / "usr/lib/x86_64-linux-gnu/libmosquitto.so.1"
    library.parent.mkdir(parents=True)
    library.touch()
    assert fetch.obtain(cache).environment == {"LD_LIBRARY_PATH": str(library.parent)}


@pytest.mark.parametrize("text", ["echo mosquitto version 1.6.12", "echo something else", "exit 127"])
def test_one_that_is_old_or_does_not_run_does_not_count(bare: Path, text: str) -> None:
    program(bare / "bin/mosquitto", text)
    assert fetch.on_path() is None


def test_without_apt_the_error_names_the_setting(bare: Path) -> None:
    with pytest.raises(BrokerNotFound, match=r"broker\.url") as caught:
        fetch.obtain(bare / "cache")
    assert "apt-get" in str(caught.value)


def test_when_apt_fails_its_complaint_is_told_and_nothing_is_left(bare: Path) -> None:
    program(bare / "bin/dpkg", "exit 0")
    program(bare / "bin/apt-get", "echo 'E: no network here' >&2; exit 100")
    with pytest.raises(BrokerNotFound, match="no network here"):
        fetch.obtain(bare / "caches" / "mosquitto")
    assert list((bare / "caches").iterdir()) == []


def test_the_cache_is_where_users_keep_theirs() -> None:
    assert fetch.default_cache({"XDG_CACHE_HOME": "caches"}) == Path("caches/pyvorin-fleet/mosquitto")
    assert fetch.default_cache({}) == Path.home() / ".cache/pyvorin-fleet/mosquitto"
