"""What goes onto a device: a package that runs by Debian's Python wherever it lies, a unit, a bundle of the agent."""

from __future__ import annotations

import configparser
import json
import os
import runpy
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

from house.source import ROOT
from running.supervised import Supervised, supervised

pytestmark = pytest.mark.timeout(600)

BUILD = [sys.executable, str(ROOT / "deploy" / "package" / "build.py")]
UNIT = ROOT / "deploy" / "systemd" / "pyvorin-edge.service"
DEBIAN_PYTHON = Path("/usr/bin/python3.11")
ARCH = "arm64" if os.uname().machine == "aarch64" else "amd64"
on_debian = pytest.mark.skipif(
    not DEBIAN_PYTHON.exists() or shutil.which("dpkg-deb") is None, reason="needs Debian 12's Python and dpkg"
)


def tool(*words: str | Path, environment: Mapping[str, str] | None = None) -> str:
    done = subprocess.run(
        list(map(str, words)), capture_output=True, text=True, timeout=500, check=False, env=environment
    )
    assert done.returncode == 0, f"{words}\n{done.stdout}\n{done.stderr}"
    return done.stdout


@pytest.fixture(scope="module")
def dist(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("dist")
    tool(*BUILD, "package", "--arch", ARCH, "--out", out)
    return out


@pytest.fixture(scope="module")
def deb(dist: Path) -> Path:
    return next(dist.glob("*.deb"))


@pytest.fixture(scope="module")
def installed(deb: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("root")
    tool("dpkg-deb", "-x", deb, root)
    return root


@pytest.fixture
def device(tmp_path: Path) -> Iterator[Supervised]:
    with supervised(tmp_path) as made:
        made.configure(sensors={"devices": [{"name": "t1"}]})
        yield made


@on_debian
def test_the_package_says_what_it_is_and_is_root_s(deb: Path) -> None:
    said = tool("dpkg-deb", "-I", deb)
    for wanted in ("Package: pyvorin-edge", f"Architecture: {ARCH}", "python3.11", "postinst", "postrm", "conffiles"):
        assert wanted in said
    listed = [line.split(None, 5) for line in tool("dpkg-deb", "-c", deb).splitlines()]
    assert {line[1] for line in listed} == {"root/root"}
    assert not [line for line in listed if "s" in line[0] or (line[0][8] == "w" and line[0][0] != "l")]
    names = {line[5].partition(" -> ")[0]: line[5].partition(" -> ")[2] for line in listed}
    assert "./lib/systemd/system/pyvorin-edge.service" in names
    assert names["./opt/pyvorin-edge/trust_anchor.json"] == "/var/lib/pyvorin-edge/trust_anchor.json"
    assert names["./usr/bin/pyv-edge-agent"] == "/opt/pyvorin-edge/bin/pyv-edge-agent"


@on_debian
def test_nothing_of_the_building_machine_is_in_it(installed: Path) -> None:
    mine = str(ROOT).encode()
    found = [
        path for path in installed.rglob("*") if path.is_file() and not path.is_symlink() and mine in path.read_bytes()
    ]
    assert not found


@on_debian
def test_installed_it_runs_by_debian_s_python_to_healthy_and_ends(installed: Path, device: Supervised) -> None:
    program = str(installed / "opt/pyvorin-edge/bin/pyv-edge-launch")
    assert tool(program, "version").strip()
    environment = {"PATH": "/usr/bin:/bin", "NOTIFY_SOCKET": device.address, "PYTHONPATH": "/nonexistent"}
    process = device.launch([program], environment)
    device.up()
    assert device.health()["status"] == "healthy"
    assert Path(f"/proc/{process.pid}/exe").resolve() == DEBIAN_PYTHON.resolve()  # one process, and whose
    process.send_signal(signal.SIGTERM)
    assert process.wait(timeout=5) == 0


@on_debian
def test_running_it_writes_nothing_beside_its_code(installed: Path, device: Supervised) -> None:
    home = installed / "opt/pyvorin-edge"
    before = {path: path.lstat().st_mtime_ns for path in home.rglob("*")}
    process = device.launch(
        [str(home / "bin/pyv-edge-agent")], {"PATH": "/usr/bin:/bin", "NOTIFY_SOCKET": device.address}
    )
    device.up()
    process.send_signal(signal.SIGTERM)
    process.wait(timeout=5)
    assert {path: path.lstat().st_mtime_ns for path in home.rglob("*")} == before


@on_debian
def test_the_archive_runs_without_systemd_and_without_dpkg(dist: Path, tmp_path: Path) -> None:
    tool("tar", "-xzf", next(dist.glob("*.tar.gz")), "-C", tmp_path)
    said = tool(tmp_path / "pyvorin-edge/bin/pyv-edge-agent", "version", "--json")
    assert json.loads(said)["version"] != "0"


def test_scripts_of_the_package_are_plain_shell() -> None:
    for name in ("postinst", "prerm", "postrm", "wrapper"):
        tool("sh", "-n", ROOT / "deploy" / "package" / name)


def test_the_unit_watches_restarts_for_ever_and_locks_the_agent_in() -> None:
    unit = configparser.RawConfigParser(strict=False, allow_no_value=True)
    unit.optionxform = str  # type: ignore[assignment,method-assign]
    unit.read_string(UNIT.read_text(encoding="utf-8"))
    assert unit["Unit"]["StartLimitIntervalSec"] == "0"
    wanted = {
        "Type": "notify", "Restart": "always", "StateDirectory": "pyvorin-edge", "StateDirectoryMode": "0700",
        "NoNewPrivileges": "yes", "ProtectSystem": "strict", "ProtectHome": "yes", "PrivateTmp": "yes",
        "CapabilityBoundingSet": "", "UMask": "0077", "MemoryDenyWriteExecute": "yes",
    }  # fmt: skip
    service = unit["Service"]
    assert {key: service[key] for key in wanted} == wanted
    assert int(service["TimeoutStartSec"]) > 90  # the launcher's own alarm comes first
    assert 5 < int(service["TimeoutStopSec"]) <= 10
    assert int(service["WatchdogSec"]) > 90  # code that takes over in the same process has until the alarm


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="no systemd-analyze")
def test_systemd_understands_the_unit_and_finds_it_closed() -> None:
    verified = subprocess.run(["systemd-analyze", "verify", UNIT], capture_output=True, text=True, check=False)
    complaints = [
        line for line in verified.stderr.splitlines() if UNIT.name in line and "is not executable" not in line
    ]
    assert not complaints
    tool("systemd-analyze", "security", "--offline=yes", "--threshold=20", UNIT)


def test_a_bundle_brings_an_agent_that_goes_before_the_installed_one(tmp_path: Path) -> None:
    out = tmp_path / "bundle"
    tool(*BUILD, "bundle", out)
    assert {path.name for path in out.iterdir()} == {"site"}
    asked = "import pyv_edge_agent.installed as m; print(m.__file__, m.agent_version())"
    environment = {**os.environ, "PYTHONPATH": str(out / "site")}
    said = subprocess.run(
        [sys.executable, "-P", "-c", asked], env=environment, capture_output=True, text=True, check=True
    )
    file, version = said.stdout.split()
    assert Path(file).is_relative_to(out)
    assert version in {
        path.name.removeprefix("pyvorin_fleet-").removesuffix(".dist-info") for path in (out / "site").iterdir()
    }
    assert not [path for path in out.rglob("*") if path.is_symlink() or path.suffix == ".so"]


def test_packed_code_has_no_docstrings_but_the_commands_help(tmp_path: Path) -> None:
    out = tmp_path / "bundle"
    tool(*BUILD, "bundle", out)
    environment = {**os.environ, "PYTHONPATH": str(out / "site")}
    asked = (
        "from pyv_edge_agent.updater import OTAUpdater as m; print(m.__doc__, m.start.__doc__, m.start.__annotations__)"
    )
    assert tool(sys.executable, "-P", "-c", asked, environment=environment).split() == ["None", "None", "{}"]
    said = tool(sys.executable, "-P", "-m", "pyv_edge_agent", "status", "--help", environment=environment)
    assert "Who this device is" in said


def test_packed_code_keeps_its_assertions(tmp_path: Path) -> None:
    lines = ['"""Says."""', "", "def f(x: int) -> int:", '    """Says."""', "    assert x", "    return x", ""]
    (tmp_path / "one.py").write_text("\n".join(lines))
    runpy.run_path(BUILD[1])["compiled"](tmp_path)
    argv = [sys.executable, "-P", "-c", "import one; print(one.f.__doc__, flush=True); one.f(0)"]
    environment = {**os.environ, "PYTHONPATH": str(tmp_path)}
    done = subprocess.run(argv, env=environment, capture_output=True, text=True, check=False)
    assert done.stdout == "None\n"
    assert "line 5, in f\n" in done.stderr
    assert "AssertionError" in done.stderr


def test_a_bundle_does_not_go_over_what_is_there(tmp_path: Path) -> None:
    (tmp_path / "mine").write_text("mine")
    done = subprocess.run([*BUILD, "bundle", str(tmp_path)], capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert "is not empty" in done.stderr
    assert "Traceback" not in done.stderr
