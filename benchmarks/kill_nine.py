"""Real agents under a real controller, killed (-9) at random moments of updates, thousands of times: `make nightly`."""

from __future__ import annotations

import argparse
import secrets
import tempfile
import time
from pathlib import Path

from running.controller import controller
from running.herd import Killed, herd

MEMORY = Path("/dev/shm")


def main() -> None:
    """Kill until the count is reached; ends with an AssertionError at the first agent that does not come back whole."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kills", type=int, default=2000)
    parser.add_argument("--agents", type=int, default=12, help="side by side")
    parser.add_argument("--seed", type=int, default=secrets.randbelow(1_000_000))
    parser.add_argument("--seconds", type=float, default=7200.0, help="at most")
    asked = parser.parse_args()
    print(f"seed {asked.seed}", flush=True)
    began = time.monotonic()
    killed = _run(asked.kills, asked.agents, asked.seed, asked.seconds)
    print(f"{killed}; {time.monotonic() - began:.0f} s")
    if killed.kills < asked.kills:
        raise SystemExit(f"only {killed.kills} of {asked.kills} kills in {asked.seconds:g} s")


def _run(kills: int, agents: int, seed: int, seconds: float) -> Killed:
    place = MEMORY if MEMORY.is_dir() else None
    with tempfile.TemporaryDirectory(prefix="pyv-kill-nine-", dir=place) as name:
        folder = Path(name)
        with controller(folder) as running, herd(running, folder, agents, seed) as many:
            try:
                return many.run(kills, seconds)
            except BaseException:
                print(f"after {many.killed.kills} kills; controller: {running.process.poll()}\n{running.log[-5000:]}")
                raise


if __name__ == "__main__":
    main()
