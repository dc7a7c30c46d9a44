"""The demo's command: puts the play on, waits for its end, leaves nothing behind."""

from __future__ import annotations

import os
import signal
import sys
import threading
from pathlib import Path

import click


@click.command("demo")
@click.option("--dir", "root", type=click.Path(path_type=Path), default=Path(".demo"), show_default=True)
@click.option("--devices", type=click.IntRange(0, 5_000), default=100, show_default=True, help="Simulated devices.")
@click.option("--for", "seconds", type=click.FloatRange(1), help="End by itself after so many seconds.")
def demo_command(root: Path, devices: int, seconds: float | None) -> None:
    """The whole loop on this machine: controller, broker, agents, simulator. Ctrl-C ends it.

    With --for it ends by itself: exit 0 if the whole fleet became healthy, 1 with the reason if not.
    """
    from pyv_fleet.demo.children import die_with_parent
    from pyv_fleet.demo.places import NoPlace, Places
    from pyv_fleet.demo.play import DemoError, Play
    from pyv_fleet.demo.stage import set_stage

    stop = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, lambda *_: stop.set())  # only a flag: a second signal must not break the ordered stop
    die_with_parent(os.getppid(), signal.SIGTERM)
    play, places = None, Places()
    try:
        play = Play(set_stage(_cleared(root.resolve()), real=3, places=places), devices, stop, _say)
        play.run(seconds)
    except (DemoError, NoPlace) as why:
        raise click.ClickException(str(why)) from None
    finally:
        _say("stopping")
        if play is not None:
            play.end()
        places.release()


def _cleared(root: Path) -> Path:
    """The folder, empty but for what is no demo's: a demo begins anew each time, and never beside another."""
    from pyv_fleet.demo.stage import StageTaken, claim

    try:
        return claim(root)
    except StageTaken as why:
        raise click.ClickException(str(why)) from None
    except OSError as why:
        raise click.ClickException(f"{root}: {why.strerror}: give --dir a folder that can be written") from None


def _say(text: str) -> None:
    print(text, file=sys.stdout, flush=True)  # noqa: T201 - the demo's own terminal
