"""What a device lives through while the power may go: each story from a rested device to a rested device."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, Final

import tomli_w

from conformance.fleet import Fleet
from faults.machine import DEVICE, HOME, Machine, World, provision
from pyv_edge_agent.core import events as ev
from pyvorin_edge.identity import Digest, digest_of
from pyvorin_edge.orders import BundleRef, Gate
from pyvorin_edge.packaging.archive import pack
from pyvorin_edge.packaging.signer import BundleSigner
from pyvorin_edge.vocabulary import Outcome

SICK: Final = {"sensors": {"devices": [{"name": "broken", "fail_after_seconds": 0}]}}
RELEASE_SEED: Final = bytes([2]) * 32


class Site:
    """A fleet and its one device, on `root`; what it may run by the file and slot of each release."""

    def __init__(self, root: Path) -> None:
        self.world = World()
        self.fleet = Fleet(self.world.broker, DEVICE, HOME.mqtt[0], hold_seconds=0)
        self.machine = Machine(self.world, root)
        self.live = config(0)
        provision(root, self.fleet, self.live)
        self.fleet.assign()
        self.releases: dict[str, Digest] = {}

    def publish(self, version: str, *, bundle: bool = False, sick: bool = False, crashes: bool = False) -> Digest:
        """A release; with a bundle it brings an agent's code."""
        fields: dict[str, Any] = {"gate": Gate(within_seconds=2, hold_seconds=0)}
        if bundle:
            ref, archive = a_bundle(version)
            self.world.archives[ref.sha256] = archive
            fields["bundle"] = ref
            if crashes:
                self.world.crashing.add(ref.manifest_sha256)
        marker = int(version.replace(".", ""))
        made = self.fleet.release(version, config(marker, **(SICK if sick else {})), **fields)
        self.releases[version] = made
        return made

    def settle(self, version: str, *, bundle: bool = False) -> None:
        """Publish a good release, order it, and see it committed."""
        release = self.publish(version, bundle=bundle)
        self.fleet.direct(release)
        self.machine.until(lambda: self.machine.settled_on(release), f"settled on {version}")


@dataclass(frozen=True)
class Story:
    """`ready` comes before the first step that is cut; `act` is what happens; `over` says that it came to its end."""

    name: str
    ready: Callable[[Site], None]
    act: Callable[[Site], None]
    over: Callable[[Site, Machine], bool]


def applied(bundle: bool, before: tuple[str, ...] = (), before_bundles: bool = False) -> Story:
    """A good release, with or without a bundle, over the ones before."""

    def ready(site: Site) -> None:
        site.machine.start()
        for version in before or ("1.0",):
            site.settle(version, bundle=before_bundles)
        site.publish("2.0", bundle=bundle)

    what = "a bundle with code" if bundle else "a config"
    over = "bundles, the oldest of which goes" if before_bundles else "a config"
    return Story(f"apply {what} over {over}", ready, ordered("2.0"), on("2.0"))


def refused(bundle: bool) -> Story:
    """A release that is never healthy."""

    def ready(site: Site) -> None:
        site.machine.start()
        site.settle("1.0")
        site.publish("2.0", bundle=bundle, sick=True)

    name = f"revert a {'bundle' if bundle else 'config'} that fails its gate"
    return Story(name, ready, ordered("2.0"), failed("2.0", on("1.0")))


def crashed() -> Story:
    """Code on trial that never starts: the launcher gives it up."""

    def ready(site: Site) -> None:
        site.machine.start()
        site.settle("1.0")
        site.publish("2.0", bundle=True, crashes=True)

    return Story("give up code that never starts", ready, ordered("2.0"), failed("2.0", on("1.0")))


def rolled_back(to_bundle: bool, from_bundle: bool) -> Story:
    """The fleet orders a release that is held."""

    def ready(site: Site) -> None:
        site.machine.start()
        site.settle("1.0", bundle=to_bundle)
        site.settle("2.0", bundle=from_bundle)

    def act(site: Site) -> None:
        site.fleet.roll_back(site.releases["1.0"])

    words = {True: "a bundle", False: "a config"}
    return Story(f"roll back from {words[from_bundle]} to {words[to_bundle]}", ready, act, on("1.0"))


def by_hand(bundle: bool) -> Story:
    """A person at the device goes back; once that returned it holds."""

    def ready(site: Site) -> None:
        site.machine.start()
        site.settle("1.0", bundle=bundle)
        site.settle("2.0", bundle=bundle)

    def act(site: Site) -> None:
        site.machine.running.feed(ev.RolledBackByHand("1.0"))
        assert site.machine.running.trouble is None
        site.world.promised = True

    def over(site: Site, machine: Machine) -> bool:
        chosen = machine.running.device.memory.local is not None
        assert chosen or not machine.world.promised, "the choice was promised, and is gone"
        return machine.settled_on(site.releases["1.0" if chosen else "2.0"])

    return Story(f"roll back by hand, {'bundles' if bundle else 'configs'}", ready, act, over)


def new_epoch() -> Story:
    """A trust document that begins a new epoch, and a release under it."""

    def ready(site: Site) -> None:
        site.machine.start()
        site.settle("1.0")

    def act(site: Site) -> None:
        site.fleet.trust(epoch=2, floor=1)

    def over(site: Site, machine: Machine) -> bool:
        return machine.running.device.memory.state.epoch == 2 and machine.settled_on(site.releases["1.0"])

    return Story("take a trust document with a new epoch", ready, act, over)


def first_start() -> Story:
    """From a provisioned directory to its first release."""

    def ready(site: Site) -> None:
        site.fleet.direct(site.publish("1.0"))

    def act(site: Site) -> None:
        site.machine.start()

    return Story("start for the first time", ready, act, on("1.0"))


def ordered(version: str) -> Callable[[Site], None]:
    """The fleet orders it."""

    def act(site: Site) -> None:
        site.fleet.direct(site.releases[version])

    return act


def on(version: str) -> Callable[[Site, Machine], bool]:
    """It rests on it."""
    return lambda site, machine: machine.settled_on(site.releases[version])


def failed(version: str, rests: Callable[[Site, Machine], bool]) -> Callable[[Site, Machine], bool]:
    """It has failed for good, and the device rests on what was before."""

    def over(site: Site, machine: Machine) -> bool:
        result = machine.running.device.memory.state.result
        ended = result is not None and (result.release, result.outcome) == (site.releases[version], Outcome.FAILED)
        return ended and rests(site, machine)

    return over


CONFIGS: Final = (applied(False), refused(False), rolled_back(False, False), by_hand(False), new_epoch(), first_start())
BUNDLES: Final = (applied(True), refused(True), crashed(), by_hand(True))
BUNDLES_KEPT: Final = (
    applied(True, ("1.0", "1.1", "1.2", "1.3", "1.4"), before_bundles=True),
    rolled_back(True, True),
    rolled_back(False, True),
    rolled_back(True, False),
)


def config(marker: int, **changes: Any) -> bytes:
    """A config that differs by its marker."""
    return tomli_w.dumps({"windows": {"default_size": 100 + marker}, **changes}).encode()


@cache
def a_bundle(version: str) -> tuple[BundleRef, bytes]:
    """A signed bundle with an agent of few words, and its archive."""
    with tempfile.TemporaryDirectory() as place:
        directory = Path(place) / "bundle"
        site = directory / "site" / "pyv_edge_agent"
        site.mkdir(parents=True)
        (site / "__main__.py").write_text(f"# the agent of {version}\n")
        (site / "__init__.py").write_text("")
        (directory / "model.bin").write_bytes(version.encode() * 100)
        BundleSigner().sign_bundle(
            bundle_dir=directory, private_key=RELEASE_SEED, output_manifest=directory / "manifest.json",
            bundle_name="app", version=version, timestamp=1_700_000_000_000,
        )  # fmt: skip
        out = Path(place) / "bundle.tar.gz"
        packed = pack(directory, out)
        ref = BundleRef(
            name="app", version=version, manifest_sha256=Digest(packed.manifest_sha256),
            sha256=digest_of(out.read_bytes()), size=packed.size,
        )  # fmt: skip
        return ref, out.read_bytes()
