"""What git holds runs on any machine: no paths of ours, no addresses of registries, no secrets."""

from __future__ import annotations

import re

from house.source import ROOT, bullets, tracked

#: Written in parts, so that this file does not find itself.
MACHINE = re.compile(r"(?<![\w./-])/(?:wo" + r"rk|tm" + r"p|ho" + r"me|ro" + r"ot)/[\w.-]+")
#: Paths of the article and of a device, which are meant.
MEANT = re.compile(r"/home/(?:pi|user)/")
REGISTRY = re.compile(
    r"(?:pypi\.(?:python\.)?org/s" + r"imple|files\.python" + r"hosted\.org|registry\.npm" + r"js\.org|index-u" + r"rl)"
)
SECRET = re.compile(r"-----BEGIN (?:EC |RSA |)PRIVATE KEY-----\n[A-Za-z0-9+/=\n]{60}")
#: The client article's text and snippets stand as they were written.
QUOTED = ("tests/system/article/",)
BYTES_MAX = 1_000_000


def texts() -> list[tuple[str, str]]:
    found = []
    for path in tracked():
        name = path.relative_to(ROOT).as_posix()
        data = path.read_bytes()
        if b"\0" not in data[:4096] and not name.startswith(QUOTED):
            found.append((name, data.decode("utf-8", "replace")))
    return found


def places(pattern: re.Pattern[str]) -> list[str]:
    return [
        f"{name}:{text.count(chr(10), 0, found.start()) + 1} {found[0][:60]!r}"
        for name, text in texts()
        for found in pattern.finditer(text)
        if not MEANT.match(found[0] + "/")
    ]


def test_no_path_of_one_machine_is_tracked() -> None:
    found = places(MACHINE)
    assert not found, bullets(found, "write these relative to the repository, or take them from the environment:")


def test_no_registry_s_address_is_tracked() -> None:
    found = [place for place in places(REGISTRY) if not place.startswith("Makefile:")]
    assert not found, bullets(found, "where packages come from is each machine's own setting (docs/adr/0003): take out")


def test_locks_hold_names_versions_and_hashes_alone() -> None:
    locks = sorted((ROOT / "requirements").glob("*.lock"))
    assert locks, "requirements/*.lock are missing: make lock"
    found = [
        f"{lock.name}: {line.strip()}" for lock in locks for line in lock.read_text().splitlines() if "://" in line
    ]
    assert not found, bullets(found, "make lock writes them without addresses (docs/adr/0003):")
    for lock in locks:
        assert "--hash=sha256:" in lock.read_text(), f"{lock.name} has no hashes: make lock"


def test_no_uv_lock_stands_beside_the_locks() -> None:
    assert not [path for path in tracked() if path.name in ("uv.lock", "pylock.toml") and path.parent == ROOT]


def test_no_private_key_is_tracked() -> None:
    found = places(SECRET)
    assert not found, bullets(found, "make keys in the test that needs them, from fixed seeds if need be:")


def test_no_large_file_is_tracked() -> None:
    large = [
        f"{path.relative_to(ROOT)}: {path.stat().st_size}" for path in tracked() if path.stat().st_size > BYTES_MAX
    ]
    assert not large, bullets(large, f"a repository is no store of files over {BYTES_MAX} bytes:")
