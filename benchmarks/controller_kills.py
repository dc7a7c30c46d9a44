"""The controller killed (-9) at any step of rollouts, a hundred times and more: `make nightly`."""

from __future__ import annotations

import argparse
import secrets
import tempfile
import time
from pathlib import Path

from running.controller_kills import kills

MEMORY = Path("/dev/shm")


def main() -> None:
    """Kill until the count is reached; ends with an AssertionError at the first rollout that is not as it should be."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kills", type=int, default=100)
    parser.add_argument("--seed", type=int, default=secrets.randbelow(1_000_000))
    parser.add_argument("--seconds", type=float, default=7200.0, help="at most")
    asked = parser.parse_args()
    print(f"seed {asked.seed}", flush=True)
    began = time.monotonic()
    place = MEMORY if MEMORY.is_dir() else None
    with (
        tempfile.TemporaryDirectory(prefix="pyv-controller-", dir=place) as name,
        kills(Path(name), asked.seed) as controller,
    ):
        killed = controller.run(asked.kills, asked.seconds)
    print(f"{killed}; {time.monotonic() - began:.0f} s")
    if killed.kills < asked.kills:
        raise SystemExit(f"only {killed.kills} of {asked.kills} kills in {asked.seconds:g} s")


if __name__ == "__main__":
    main()
