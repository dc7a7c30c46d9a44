"""Loopback addresses and ports that are free, and stay this process's own while its parts come up."""

from __future__ import annotations

import random
import socket
from typing import Final

HEALTH_PORT: Final = 8080
#: below those that the kernel gives to outgoing connections: one of these is not taken between choice and use
PORTS: Final = range(20_000, 32_000)


class NoPlace(Exception):
    """No free address is left."""


class Places:
    """Chooses addresses and ports. Each is claimed, so that two demos starting at once choose different ones.

    The claim is an abstract Unix socket of that name: the kernel lets it go with the process, however that ends.
    """

    def __init__(self) -> None:
        self._claims: list[socket.socket] = []

    def port(self, wanted: int) -> int:
        """`wanted` on 127.0.0.1 if it is free, else any that is."""
        return wanted if self._take("127.0.0.1", wanted) else self.any_port()

    def any_port(self) -> int:
        """A free port on 127.0.0.1."""
        while not self._take("127.0.0.1", found := random.choice(PORTS)):
            pass
        return found

    def hosts(self, count: int) -> tuple[str, ...]:
        """So many loopback addresses side by side whose port 8080 nobody holds; NoPlace if there are none."""
        for block in range(1, 255):
            wanted = tuple(f"127.0.{block}.{last}" for last in range(11, 11 + count))
            before = len(self._claims)
            if all(self._take(host, HEALTH_PORT) for host in wanted):
                return wanted
            self._let_go(before)
        raise NoPlace(f"port {HEALTH_PORT} is held on every loopback address: end the demos that run")

    def release(self) -> None:
        """Let all claims go."""
        self._let_go(0)

    def _let_go(self, above: int) -> None:
        while len(self._claims) > above:
            self._claims.pop().close()

    def _take(self, host: str, port: int) -> bool:
        claim = socket.socket(socket.AF_UNIX)
        try:
            claim.bind(f"\0pyv-fleet-demo {host}:{port}")
        except OSError:
            claim.close()
            return False
        if not _free(host, port):
            claim.close()
            return False
        self._claims.append(claim)
        return True


def _free(host: str, port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError:
            return False
    return True
