"""`push ssh` to many hosts, against rsync and ssh in a shell loop and Ansible's copy module, in the same run.

`make bench-ssh`; see docs/how-to/push-ssh.md. Counted is the operator's side: wall time, and processor time of the
command and all its children. sshd and what it starts is not counted. The hosts are real sshd on loopback; the agents on
them answer at once with what one real agent answered to the same parcel in this run, for its work is the same whoever
asks for it.
"""

from __future__ import annotations

import argparse
import contextlib
import ctypes
import json
import os
import resource
import shlex
import shutil
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Final

from running.field import AGENT, Field
from running.sshd import USER, SshHost

GOAL: Final = 10.0
OURS: Final = "push ssh"
#: what it must beat; rsync alone brings a file that nobody applies, and is shown beside
AGAINST: Final = ("rsync + ssh", "Ansible copy")
PR_SET_CHILD_SUBREAPER: Final = 36


@dataclass
class Run:
    """One way: seconds of each round, the operator's side alone."""

    name: str
    does: str
    command: Callable[[], None]
    wall: list[float] = field(default_factory=list)
    processor: list[float] = field(default_factory=list)


@dataclass(frozen=True)
class Row:
    """Medians, in seconds, and how many times ours."""

    name: str
    does: str
    wall_seconds: float
    processor_seconds: float
    wall_ratio: float
    processor_ratio: float


def main() -> int:
    """Measure, print, and with --check end with 1 if the goal is missed."""
    options = _options()
    ctypes.CDLL(None).prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)  # Ansible's masters outlive it: they count
    with tempfile.TemporaryDirectory(prefix="ssh-") as room:
        field_ = Field(Path(room))
        try:
            hosts = _hosts(field_, options.hosts)
            runs = _runs(field_, hosts, options.parallel)
            own = [host.pid for host in hosts]
            runs[0].command()  # not counted: byte code that is not there yet
            for _ in range(options.rounds):
                for run in runs:
                    _measure(run, own)
        finally:
            field_.stop()
    rows = _rows(runs)
    if options.output == "json":
        print(json.dumps({"hosts": options.hosts, "rounds": options.rounds, "rows": [asdict(row) for row in rows]}))
    else:
        _show(rows, options)
    missed = [row for row in rows if row.name in AGAINST and row.processor_ratio < GOAL]
    return 1 if options.check and missed else 0


def _hosts(field_: Field, count: int) -> list[SshHost]:
    """Real sshd each, which answer as one real agent did."""
    real = field_.add("real")
    field_.order("1.0", 11)
    argv = [AGENT, "apply", "-", "--state-dir", real.host.state, "--json", "--wait", "60"]
    done = subprocess.run(argv, input=field_.satchel.parcel(), capture_output=True, check=True, timeout=90)
    answer = field_.folder / "answer.json"
    answer.write_bytes(done.stdout)
    real.stop()
    hosts = []
    for number in range(count):
        state = field_.folder / f"s{number}"
        state.mkdir()
        host = SshHost(field_.folder, f"h{number}", field_.key, state)
        host.has_agent(f'cat "${{2:--}}" > {state}/taken.json; exec cat {answer}')
        host.start()
        field_.devices[host.name] = _Bare(host)
        hosts.append(host)
    return hosts


class _Bare:
    """A host without an agent, to be stopped with the others."""

    def __init__(self, host: SshHost) -> None:
        self.host = host
        self.agent = None

    def stop(self) -> None:
        self.host.stop()


def _runs(field_: Field, hosts: Sequence[SshHost], parallel: int) -> list[Run]:
    push = [
        *field_.push_argv(*(host.name for host in hosts)),
        *("--parallel", str(parallel), "--soak", "0", "--yes", "--expect-count", str(len(hosts)), "-o", "json"),
    ]
    runs = [Run(OURS, "parcel, apply, each device's word", lambda: _quiet(push))]
    if _have_rsync():
        runs += _loops(field_, hosts)
    else:
        print("rsync is not to be had here: not compared", file=sys.stderr)
    ansible = _ansible(field_.folder)
    if ansible is None:
        print("ansible-core is not to be had here: not compared", file=sys.stderr)
    else:
        runs.append(Run(AGAINST[1], "file", _playing(ansible, field_, hosts, parallel)))
    return runs


def _loops(field_: Field, hosts: Sequence[SshHost]) -> list[Run]:
    """rsync and ssh as they come; with the key exchange that asyncssh takes, for OpenSSH's own is dearer; and the file
    alone."""
    plain = f"ssh -F none -i {field_.key} -o UserKnownHostsFile={field_.folder / 'known_hosts'} -o BatchMode=yes"
    same = f"{plain} -o KexAlgorithms=curve25519-sha256 -c aes256-gcm@openssh.com"
    both, cheap, alone = (field_.folder / f"{name}.sh" for name in ("both", "cheap", "alone"))
    return [
        Run(AGAINST[0], "file, apply", _script(both, _lines(field_, hosts, plain, apply=True))),
        Run("  same kex", "file, apply", _script(cheap, _lines(field_, hosts, same, apply=True))),
        Run("rsync alone", "file", _script(alone, _lines(field_, hosts, plain, apply=False))),
    ]


def _lines(field_: Field, hosts: Sequence[SshHost], ssh: str, *, apply: bool) -> list[str]:
    lines = []
    for host in hosts:
        there, parcel = f"{USER}@127.0.0.1", host.state / "parcel.json"
        lines.append(f"rsync -e '{ssh} -p {host.port}' {field_.folder / 'parcel.json'} {there}:{parcel} || exit 1")
        if apply:
            lines.append(f"{ssh} -p {host.port} {there} pyv-edge-agent apply {parcel} --json --wait 300 || exit 1")
    return lines


def _script(path: Path, lines: Sequence[str]) -> Callable[[], None]:
    path.write_text("\n".join(lines) + "\n")
    return lambda: _quiet(["bash", str(path)])


def _playing(ansible: Path, field_: Field, hosts: Sequence[SshHost], parallel: int) -> Callable[[], None]:
    inventory, home = field_.folder / "hosts.ini", field_.folder / "home"
    home.mkdir()
    inventory.write_text(
        "".join(
            f"{host.name} ansible_host=127.0.0.1 ansible_port={host.port} ansible_user={USER} "
            f"ansible_ssh_private_key_file={field_.key} ansible_python_interpreter=/usr/bin/python3 "
            f"dest={host.state}/parcel.json remote={host.state}\n"
            for host in hosts
        )
    )
    environment = {
        **os.environ, "HOME": str(home), "ANSIBLE_HOST_KEY_CHECKING": "True",
        "ANSIBLE_SSH_COMMON_ARGS": f"-F none -o UserKnownHostsFile={field_.folder / 'known_hosts'}",
        "ANSIBLE_SSH_CONTROL_PATH_DIR": str(field_.folder / "cp"),
    }  # fmt: skip
    words = ["all", "-i", inventory, "-f", parallel, "-m", "copy"]
    words += ["-a", f"src={field_.folder / 'parcel.json'} dest={{{{ dest }}}}"]

    def play() -> None:
        for host in hosts:  # else it finds that there is nothing to do
            (host.state / "parcel.json").unlink(missing_ok=True)
        _quiet([str(ansible), *map(str, words)], environment)

    return play


def _ansible(folder: Path) -> Path | None:
    """ansible-core in a venv that is thrown away; none if it cannot be had."""
    place = folder / "venv"
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", place], check=True)
    argv = [sys.executable, "-m", "pip", "--python", place / "bin" / "python", "install", "-q", "ansible-core"]
    if not _done(argv) and not _done(["pip3", *map(str, argv[3:])]):
        return None
    return place / "bin" / "ansible"


def _have_rsync() -> bool:
    if shutil.which("rsync") is None and os.geteuid() == 0:
        _done(["apt-get", "install", "-qq", "-y", "--no-install-recommends", "rsync"])
    return shutil.which("rsync") is not None


def _done(argv: Sequence[str | Path]) -> bool:
    try:
        return subprocess.run(argv, capture_output=True, check=False).returncode == 0
    except OSError:
        return False


def _quiet(argv: Sequence[str], environment: dict[str, str] | None = None) -> None:
    done = subprocess.run(argv, capture_output=True, text=True, env=environment, check=False)
    if done.returncode != 0:
        sys.exit(
            f"{shlex.join(argv)[:200]} ended with {done.returncode}:\n{done.stdout[-2000:]}\n{done.stderr[-2000:]}"
        )


def _measure(run: Run, own: Sequence[int]) -> None:
    before, begun = _children_seconds(), time.monotonic()
    run.command()
    wall = time.monotonic() - begun
    _end_orphans(own)
    run.wall.append(wall)
    run.processor.append(_children_seconds() - before)


def _children_seconds() -> float:
    """Processor seconds of all children that ended: the hosts' sshd run on."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def _end_orphans(own: Sequence[int]) -> None:
    """What a command left running came to us: ended, so that it is counted."""
    for entry in Path("/proc").iterdir():
        if not entry.name.isdigit() or int(entry.name) in own:
            continue
        with contextlib.suppress(OSError, IndexError):
            parent = int((entry / "stat").read_text().rpartition(")")[2].split()[1])
            if parent == os.getpid():
                os.kill(int(entry.name), signal.SIGTERM)
                os.waitpid(int(entry.name), 0)


def _rows(runs: Sequence[Run]) -> list[Row]:
    ours = runs[0]
    wall, processor = statistics.median(ours.wall), statistics.median(ours.processor)
    return [
        Row(
            run.name, run.does, statistics.median(run.wall), statistics.median(run.processor),
            statistics.median(run.wall) / wall, statistics.median(run.processor) / processor,
        )
        for run in runs
    ]  # fmt: skip


def _show(rows: Sequence[Row], options: argparse.Namespace) -> None:
    print(f"{options.hosts} hosts, {options.parallel} at a time, medians of {options.rounds}; x = times ours\n")
    print(f"{'':14}{'does':36}{'wall s':>8}{'x':>7}{'CPU s':>9}{'x':>7}")
    for row in rows:
        print(
            f"{row.name:14}{row.does:36}{row.wall_seconds:8.1f}{row.wall_ratio:7.1f}"
            f"{row.processor_seconds:9.2f}{row.processor_ratio:7.1f}"
        )
    print(f"\ngoal: {GOAL:g} times less CPU than {' and '.join(AGAINST)}")
    for row in (row for row in rows if row.name in AGAINST):
        print(f"  {row.name:14}{'met' if row.processor_ratio >= GOAL else 'MISSED'}")


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="ssh_push", description=__doc__)
    parser.add_argument("-o", "--output", choices=("table", "json"), default="table")
    parser.add_argument("--hosts", type=int, default=60)
    parser.add_argument("--parallel", type=int, default=20)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--check", action="store_true", help="end with status 1 if the goal is missed")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
