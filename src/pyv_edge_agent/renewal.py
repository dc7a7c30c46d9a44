"""The device's certificate, renewed in time and with the same key: its identity is the key (PROTOCOL 2)."""

from __future__ import annotations

import logging
import random
import threading
from collections.abc import Callable
from typing import Final

from pyv_edge_agent.core.renewing import next_retry_seconds, renew_at
from pyv_edge_agent.link.interface import LinkError, Passport
from pyv_edge_agent.link.validity import Validity, validity_of
from pyvorin_edge.trust import Link as Whereabouts

logger = logging.getLogger(__name__)

LOOK_SECONDS: Final = 3600.0
STOP_SECONDS: Final = 1.0


class Renewal:
    """One thread that mostly sleeps. The session that stands is left alone: the next connect shows the new one."""

    def __init__(
        self,
        device_id: str,
        passport: Callable[[], Passport],
        *,
        where: Callable[[], Whereabouts],
        now_ms: Callable[[], int],
        keep: Callable[[bytes], None],
        chance: Callable[[], float] = random.random,
    ) -> None:
        """`now_ms`: the clock if it is synchronised, else what orders prove (rule 8). `keep` replaces the file, whole
        and durably."""
        self._device_id = device_id
        self._passport = passport
        self._where = where
        self._now_ms = now_ms
        self._keep = keep
        self._chance = chance
        #: of the certificate as it is on disk; none if it cannot be read
        self.validity = self._read()
        self._ending = threading.Event()
        self._thread = threading.Thread(target=self._run, name="renewal", daemon=True)

    def start(self) -> None:
        """Look at once, and then every hour."""
        self._thread.start()

    def stop(self) -> None:
        """Look no more."""
        self._ending.set()
        if self._thread.is_alive():
            self._thread.join(STOP_SECONDS)

    def look(self) -> bool:
        """Renew if it is time; false if that failed: the old one stays, and is tried again."""
        self.validity = validity = self._read()
        if validity is None or self._now_ms() < renew_at(validity.not_before, validity.not_after):
            return True
        return any(self._renewed_at(url, validity) for url in self._where().http)

    def _read(self) -> Validity | None:
        try:
            return validity_of(self._passport().credentials.certificate.read_bytes())
        except (OSError, LinkError):
            return None

    def _run(self) -> None:
        delay: float | None = None
        while True:
            try:
                well = self.look()
            except Exception:  # the loop's edge: a device must not lose its renewal for good
                logger.exception("the certificate could not be renewed")
                well = False
            delay = None if well else next_retry_seconds(delay, self._chance())
            if self._ending.wait(LOOK_SECONDS if delay is None else delay):
                return

    def _renewed_at(self, url: str, before: Validity) -> bool:
        from pyv_edge_agent.link.enrol import renew  # X.509 is loaded once in eight months

        try:
            pem = renew(url, self._where(), self._passport(), self._device_id)
            after = validity_of(pem)
            if after is None or after.not_after <= before.not_after:
                raise LinkError(f"{url} gave no certificate that lasts longer")
            self._keep(pem)
            self.validity = after
        except (LinkError, OSError) as why:
            logger.warning("the certificate was not renewed: %s", why)
            return False
        logger.info("the certificate was renewed")
        return True
