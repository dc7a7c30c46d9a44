"""Five kinds of bad release on 1,000 simulated devices over MQTT with TLS: how many devices were ever touched."""

from __future__ import annotations

import argparse
import tempfile
import time
from pathlib import Path

from running.bad_releases import KINDS, fleet


def main() -> None:
    """Print a line a kind; ends with 1 if one of them left its canary."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--devices", type=int, default=1000)
    parser.add_argument("--canary", type=int, default=10, help="devices in the first wave")
    parser.add_argument("--kind", choices=KINDS, action="append", help="only these")
    asked = parser.parse_args()
    began = time.monotonic()
    with (
        tempfile.TemporaryDirectory(prefix="pyv-bad-") as name,
        fleet(Path(name), asked.devices, asked.canary) as many,
    ):
        print(f"{asked.devices} devices are on a good release after {time.monotonic() - began:.0f} s", flush=True)
        left = []
        for kind in asked.kind or KINDS:
            stopped = many.stop(kind)
            print(stopped, flush=True)
            left += [kind] if stopped.touched > asked.canary or stopped.state == "completed" else []
    if left:
        raise SystemExit(f"left the canary: {', '.join(left)}")


if __name__ == "__main__":
    main()
