"""`pyv-edge-launch`, and the way into `pyv-edge-agent`: picks the code that runs, counts its starts, becomes it.

It is the installed code that runs first, always; a bundle's takes its place by exec, in the same process, so that a
supervisor sees one. Whatever the new code does before its first word (a crash at import, a hang, a full disk), the next
start is counted here, before it. Only the standard library is imported on this way.
"""

from __future__ import annotations

import json
import os
import signal
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

from pyv_edge_agent.core.launching import INSTALLED, Launch, given_up_uncounted, started
from pyv_edge_agent.disk.atomic import DiskError
from pyv_edge_agent.disk.bundles import BundleSlots
from pyv_edge_agent.disk.launch_file import SITE, code_of, read_launch, slot_directory, write_launch
from pyv_edge_agent.relaunch import AGAIN_VARIABLE, PATH_BEFORE_VARIABLE, SLOT_VARIABLE
from pyvorin_edge.errors import PyvorinError

#: code that hangs before it is up is ended by SIGALRM after so long, and its next start is counted; for a slow device
#: the variable says otherwise
UP_SECONDS: Final = 90
UP_SECONDS_VARIABLE: Final = "PYV_EDGE_UP_SECONDS"
DEFAULT_STATE: Final = "/var/lib/pyvorin-edge"
#: as the package's wrapper has it: nothing of the working directory, and no columns beside each line of code
_FLAGS: Final = ("-P", "-X", "no_debug_ranges")
MACHINE_BOOT_ID: Final = Path("/proc/sys/kernel/random/boot_id")


def main(argv: Sequence[str] | None = None) -> None:
    """`run` goes through the choice of code; every other command is the installed agent's own."""
    words = list(sys.argv[1:] if argv is None else argv)
    if _runs(words) and SLOT_VARIABLE not in os.environ:
        _launch(words)
    if _runs(words):
        from pyv_edge_agent.plain import run_plainly

        if run_plainly(words, os.environ):
            return
    from pyv_edge_agent.cli import main as command

    command(args=words, prog_name="pyv-edge-agent")


def state_of(words: Sequence[str], environment: Mapping[str, str]) -> Path:
    """The state directory that `run` will use, as its options say."""
    state = _value_of(words, "--state-dir") or environment.get("PYV_EDGE_STATE_DIR")
    config = _value_of(words, "--config")
    found = state or (os.path.dirname(os.path.abspath(config)) if config else DEFAULT_STATE)
    return Path(os.path.abspath(found))


def _launch(words: Sequence[str]) -> None:
    """Set the stage for the code in force; returns if that is the installed one, else becomes it."""
    state = state_of(words, os.environ)
    os.environ[AGAIN_VARIABLE] = json.dumps([sys.executable, *_FLAGS, "-m", "pyv_edge_agent", *words])
    slot = _chosen(state, read_launch(state))
    signal.alarm(_up_seconds())
    code = code_of(state, slot)
    if code == INSTALLED:
        os.environ[SLOT_VARIABLE] = INSTALLED
    else:
        _become(slot_directory(state, code) / SITE, code, words)


def _chosen(state: Path, before: Launch) -> str:
    """The slot to run; its start is counted durably. What cannot be counted is not tried: whatever filled the disk, the
    slot on trial makes room, for it can be fetched again."""
    after, slot = started(before, _machine_boot_id(), lambda name: slot_directory(state, name).is_dir())
    if after == before:
        return slot
    try:
        write_launch(state, after)
    except DiskError as why:
        _say(f"{why}; what was on trial is given up")
        return _without_trial(state, before)
    return slot


def _without_trial(state: Path, before: Launch) -> str:
    after = given_up_uncounted(before)
    try:
        if before.trial not in (None, INSTALLED, before.good):
            BundleSlots(state).spoil(str(before.trial))
        write_launch(state, after)
    except (DiskError, PyvorinError) as why:
        _say(f"{why}; nothing is tried until it can be written")
    return after.slot


def _say(text: str) -> None:
    print(f"pyv-edge-launch: {text}", file=sys.stderr)  # noqa: T201 - nothing that logs is loaded yet


def _become(site: Path, code: str, words: Sequence[str]) -> None:
    before = os.environ.get("PYTHONPATH", "")
    environment = {
        **os.environ,
        SLOT_VARIABLE: code,
        PATH_BEFORE_VARIABLE: before,
        # what is written beside signed files would make them another bundle
        "PYTHONDONTWRITEBYTECODE": "1",
        "PYTHONPATH": os.pathsep.join(filter(None, (str(site), before))),
    }
    os.execve(sys.executable, [sys.executable, *_FLAGS, "-m", "pyv_edge_agent", *words], environment)


def _runs(words: Sequence[str]) -> bool:
    """`run …`, or the documentation's `--config FILE` alone."""
    return bool(words) and (words[0] == "run" or words[0].startswith("--config")) and "--help" not in words


def _value_of(words: Sequence[str], option: str) -> str | None:
    for index, word in enumerate(words):
        if word.startswith(f"{option}="):
            return word.partition("=")[2]
        if word == option and index + 1 < len(words):
            return words[index + 1]
    return None


def _up_seconds() -> int:
    said = os.environ.get(UP_SECONDS_VARIABLE, "")
    return int(said) if said.isascii() and said.isdecimal() and len(said) < 7 and int(said) > 0 else UP_SECONDS


def _machine_boot_id() -> str:
    try:
        return MACHINE_BOOT_ID.read_text(encoding="ascii").strip()
    except OSError:
        return ""
