"""Find mosquitto on this machine, else fetch and unpack it without root and without starting a service (STACK 1).

Signed by Debian through apt with package lists of our own; nothing is installed, no port is opened.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from pyv_fleet.broker.interface import BrokerNotFound

Progress = Callable[[str], None]
"""Takes one sentence about what is being done now."""

SYSTEM_PLACES: Final = ("/usr/sbin", "/usr/local/sbin", "/opt/homebrew/sbin")
TOOLS: Final = ("apt-get", "dpkg")
APT_SECONDS_MAX: Final = 180
MAJOR_MIN: Final = 2
"""Before 2.0 a listener without rules was open to all."""
_INST: Final = re.compile(r"^Inst (?P<package>[a-z0-9][a-z0-9+.:-]*) ", re.MULTILINE)
_VERSION: Final = re.compile(r"mosquitto version (?P<version>\d+\.\d+\S*)")


@dataclass(frozen=True)
class Mosquitto:
    """A mosquitto that runs: its program, its version, and what its environment must have."""

    executable: Path
    version: str
    environment: Mapping[str, str] = field(default_factory=dict)


def default_cache(environ: Mapping[str, str]) -> Path:
    """`$XDG_CACHE_HOME/pyvorin-fleet/mosquitto`, else under `~/.cache`."""
    base = environ.get("XDG_CACHE_HOME") or str(Path.home() / ".cache")
    return Path(base) / "pyvorin-fleet" / "mosquitto"


def obtain(cache: Path | None = None, progress: Progress = lambda _: None) -> Mosquitto:
    """The machine's own mosquitto, else the one in `cache`, else one fetched into it. BrokerNotFound if none can be.

    Blocks for a few seconds when it fetches: call it in a thread.
    """
    place = cache or default_cache(os.environ)
    found = on_path() or unpacked(place)
    if found is None:
        found = fetch(place, progress)
    return found


def on_path() -> Mosquitto | None:
    """The mosquitto on PATH or in the usual sbin directories; none if there is none that runs."""
    path = os.pathsep.join([os.environ.get("PATH", ""), *SYSTEM_PLACES])
    program = shutil.which("mosquitto", path=path)
    return _tried(Path(program), {}) if program else None


def unpacked(tree: Path) -> Mosquitto | None:
    """The mosquitto unpacked into `tree` before; none if it is not there or does not run."""
    libraries = sorted({str(file.parent) for file in tree.glob("usr/lib/**/*.so*")})
    return _tried(tree / "usr/sbin/mosquitto", {"LD_LIBRARY_PATH": os.pathsep.join(libraries)})


def fetch(cache: Path, progress: Progress = lambda _: None) -> Mosquitto:
    """Download mosquitto and the libraries missing here, unpack them, and put the tree at `cache` in one rename."""
    for tool in TOOLS:
        if shutil.which(tool) is None:
            raise _impossible(f"there is no {tool} to fetch one with")
    cache.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=cache.parent, prefix=".fetch-") as work:
        tree = _download(Path(work), progress)
        if unpacked(tree) is None:
            raise _impossible("the one that was fetched does not run here")
        _put(tree, cache)
    found = unpacked(cache)
    if found is None:
        raise _impossible(f"the one in {cache} does not run: delete that directory and try again")
    progress(f"mosquitto {found.version} is ready")
    return found


def _download(work: Path, progress: Progress) -> Path:
    options = _private_apt(work)
    debs, tree = work / "debs", work / "tree"
    debs.mkdir()
    tree.mkdir()
    progress("mosquitto is not on this machine: reading Debian's package lists (nothing is installed)")
    _run(["apt-get", "update", "-qq", *options], work)
    plan = _run(["apt-get", "install", "-s", "--no-install-recommends", *options, "mosquitto"], work)
    packages = _INST.findall(plan) or ["mosquitto"]
    progress(f"fetching {', '.join(packages)}")
    _run(["apt-get", "download", *options, *packages], debs)
    for deb in sorted(debs.glob("*.deb")):
        _run(["dpkg", "-x", str(deb), str(tree)], work)
    return tree


def _private_apt(work: Path) -> list[str]:
    """Options that keep apt inside `work`, so that it needs no root and leaves the system's lists alone."""
    (work / "lists" / "partial").mkdir(parents=True)
    (work / "cache" / "archives" / "partial").mkdir(parents=True)
    settings = {
        "Dir::State::lists": f"{work}/lists",
        "Dir::Cache": f"{work}/cache",
        "Debug::NoLocking": "1",
        "APT::Sandbox::User": "",  # as root apt would drop to _apt, who cannot write here
        "APT::Update::Post-Invoke-Success::": "",
    }
    return [part for key, value in settings.items() for part in ("-o", f"{key}={value}")]


def _run(command: Sequence[str], directory: Path) -> str:
    """The command's output; BrokerNotFound with its last line of complaint if it fails."""
    try:
        done = subprocess.run(
            command,
            cwd=directory,
            env=os.environ | {"LC_ALL": "C", "DEBIAN_FRONTEND": "noninteractive"},
            capture_output=True,
            text=True,
            timeout=APT_SECONDS_MAX,
            stdin=subprocess.DEVNULL,
            check=False,
        )
    except subprocess.TimeoutExpired:
        raise _impossible(f"{command[0]} took longer than {APT_SECONDS_MAX} s") from None
    if done.returncode != 0:
        complaint = (done.stderr.strip() or done.stdout.strip() or "no message").splitlines()[-1]
        raise _impossible(f"{' '.join(command[:2])} failed: {complaint}")
    return done.stdout


def _put(tree: Path, cache: Path) -> None:
    """Move `tree` to `cache`; if another process was faster, what it put there stays."""
    try:
        tree.rename(cache)
    except OSError:
        if unpacked(cache) is not None:
            return
        shutil.rmtree(cache, ignore_errors=True)
        tree.rename(cache)


def _tried(program: Path, environment: Mapping[str, str]) -> Mosquitto | None:
    try:
        said = subprocess.run(
            [str(program), "-h"],
            env=os.environ | environment,
            capture_output=True,
            text=True,
            timeout=10,
            stdin=subprocess.DEVNULL,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    version = _VERSION.search(said.stdout + said.stderr)
    if version is None or int(version["version"].partition(".")[0]) < MAJOR_MIN:
        return None
    return Mosquitto(program, version["version"], environment)


def _impossible(why: str) -> BrokerNotFound:
    return BrokerNotFound(
        f"no mosquitto on this machine, and {why}. Install it (apt-get install mosquitto), "
        "or set broker.url in fleet.toml to a broker that runs already."
    )
