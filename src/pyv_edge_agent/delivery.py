"""Brings a bundle into its slot: downloaded, resumed, unpacked, verified; one at a time, in a thread of its own."""

from __future__ import annotations

import logging
import os
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import BinaryIO, Final

import msgspec

from pyv_edge_agent.core import events as ev
from pyv_edge_agent.disk.atomic import DiskError
from pyv_edge_agent.disk.bundles import BundleSlots, sha256_of
from pyv_edge_agent.link.downloading import Download, Left, path_of
from pyv_edge_agent.link.interface import LinkError, Passport
from pyv_edge_agent.link.tls import device_context
from pyvorin_edge.orders import BundleRef
from pyvorin_edge.trust import Link as Whereabouts
from pyvorin_edge.trust import Trust
from pyvorin_edge.vocabulary import BundleFault, Cause

logger = logging.getLogger(__name__)

#: the archive, what is unpacked of it, and what the agent needs besides: of the archive's size, and bytes
ROOM_TIMES: Final = 4
ROOM_BYTES: Final = 8 * 1024 * 1024
#: between two words on how far a download is
TELL_SECONDS: Final = 10.0
#: between two tries to go on with a download that broke off
AGAIN_SECONDS: Final = 5.0
#: lets the download be stopped within so long
_LOOK_SECONDS: Final = 0.2


class Route(msgspec.Struct, frozen=True):
    """How archives come here."""

    passport: Callable[[], Passport]
    #: asked before each piece; 0 = as fast as it comes
    bytes_per_second: Callable[[], int]


class Delivery:
    """Answers by events: `BundleReady`, `BundleFailed`, and `BundleProgressed` meanwhile."""

    def __init__(self, slots: BundleSlots, route: Route, put: Callable[[ev.Event], None]) -> None:
        self._slots = slots
        self._route = route
        self._put = put
        self._wanted: _Errand | None = None
        self._one_at_a_time = threading.Lock()

    def fetch(self, bundle: BundleRef, trust: Trust, where: Whereabouts) -> None:
        """Begin; what is under way of another bundle ends."""
        errand = self._wanted = _Errand(bundle, trust, where)
        threading.Thread(target=self._run, args=(errand,), name="bundle", daemon=True).start()

    def leave(self) -> None:
        """Stop what is under way; what was fetched stays for another try."""
        self._wanted = None

    def _run(self, errand: _Errand) -> None:
        slot = errand.bundle.manifest_sha256
        with self._one_at_a_time:
            try:
                self._bring(errand)
            except Left:
                return
            except _Unfit as why:
                self._put(ev.BundleFailed(slot=slot, code=why.code, detail=str(why)))
            except (DiskError, OSError) as why:
                self._put(ev.BundleFailed(slot=slot, code=Cause.DISK, detail=str(why)))
            except Exception as why:  # a thread's edge: the update must learn of it
                logger.exception("a bundle could not be taken")
                self._put(ev.BundleFailed(slot=slot, code=Cause.FETCH, detail=f"{type(why).__name__}: {why}"))
            else:
                self._put(ev.BundleReady(slot))

    def _bring(self, errand: _Errand) -> None:
        self._go_on(errand)
        bundle, trust = errand.bundle, errand.trust
        if self._slots.holds(bundle.manifest_sha256):
            try:
                _verify(self._slots.directory(bundle.manifest_sha256), bundle, trust)
                return
            except _Unfit as why:
                if why.code is Cause.SIGNATURE:
                    raise
                logger.warning("bundle %s lies here and is spoilt (%s): fetched anew", bundle.name, why)
                self._slots.spoil(bundle.manifest_sha256)
        part = self._slots.download(bundle.sha256)
        self._download(errand, part)
        self._unpack(bundle, part, trust)
        part.unlink(missing_ok=True)

    def _download(self, errand: _Errand, part: Path) -> None:
        bundle = errand.bundle
        self._check_room(bundle, part)
        with part.open("ab") as file:
            while file.seek(0, 2) != bundle.size:
                self._go_on(errand)
                if not self._try(errand, file):
                    self._rest(errand)
            file.flush()
            os.fsync(file.fileno())
        if sha256_of(part) != bundle.sha256:
            part.unlink(missing_ok=True)
            raise _Unfit(Cause.FETCH, f"{bundle.name} {bundle.version}: what came is not what the release names")

    def _try(self, errand: _Errand, file: BinaryIO) -> bool:
        """Whether one of the controllers brought it to its end."""
        bundle, where = errand.bundle, errand.where
        told = [time.monotonic()]

        def moved(have: int) -> None:
            if time.monotonic() - told[0] >= TELL_SECONDS:
                told[0] = time.monotonic()
                self._put(ev.BundleProgressed(bundle.manifest_sha256))

        for url in where.http:
            try:
                download = Download(
                    url,
                    device_context(where, self._route.passport()),
                    bytes_per_second=self._route.bytes_per_second,
                    may_go_on=lambda: self._wanted is errand,
                )
                download.fetch(path_of(bundle.sha256), file, bundle.size, moved)
                return True
            except LinkError as why:
                logger.warning("bundle %s %s: %s", bundle.name, bundle.version, why)
        return False

    def _unpack(self, bundle: BundleRef, part: Path, trust: Trust) -> None:
        # loaded only when a bundle comes
        from pyvorin_edge.packaging.archive import unpack
        from pyvorin_edge.packaging.errors import BundleError

        with self._slots.making(bundle.manifest_sha256) as directory:
            try:
                with part.open("rb") as archive:
                    unpack(archive, directory)
            except BundleError as why:
                raise _Unfit(Cause.BUNDLE, str(why)) from None
            _verify(directory, bundle, trust)

    def _check_room(self, bundle: BundleRef, part: Path) -> None:
        have = part.stat().st_size if part.exists() else 0
        disk = os.statvfs(part.parent)
        free, need = disk.f_bavail * disk.f_frsize, bundle.size * ROOM_TIMES - have + ROOM_BYTES
        if free < need:
            raise _Unfit(Cause.DISK, f"{bundle.name} {bundle.version} needs {need} bytes of room, {free} are free")

    def _go_on(self, errand: _Errand) -> None:
        if self._wanted is not errand:
            raise Left

    def _rest(self, errand: _Errand) -> None:
        end = time.monotonic() + AGAIN_SECONDS
        while time.monotonic() < end and self._wanted is errand:
            time.sleep(_LOOK_SECONDS)


class _Errand(msgspec.Struct, frozen=True, eq=False):
    """One order to fetch; the same bundle ordered again is another."""

    bundle: BundleRef
    trust: Trust
    where: Whereabouts


class _Unfit(Exception):
    def __init__(self, code: Cause, why: str) -> None:
        super().__init__(why)
        self.code = code


def _verify(directory: Path, bundle: BundleRef, trust: Trust) -> None:
    from pyvorin_edge.packaging.errors import BundleError
    from pyvorin_edge.packaging.verifier import verify_bundle

    try:
        manifest = verify_bundle(directory, bundle.manifest_sha256, trust)
    except BundleError as why:
        unsigned = why.fault is BundleFault.SIGNATURE
        raise _Unfit(Cause.SIGNATURE if unsigned else Cause.BUNDLE, str(why)) from None
    if (manifest.bundle_name, manifest.version) != (bundle.name, bundle.version):
        raise _Unfit(Cause.BUNDLE, f"its manifest names {manifest.bundle_name} {manifest.version}")
