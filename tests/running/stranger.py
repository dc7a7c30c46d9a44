"""A TLS server on loopback that says whatever a test wants: the other side as one would not wish it."""

from __future__ import annotations

import contextlib
import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import trustme

from pyv_edge_agent.link.interface import Credentials, Passport

Part = Callable[[ssl.SSLSocket], None]


class Stranger:
    """Plays `part` with everyone who comes, in a thread each, until the client leaves or the part is over."""

    def __init__(self, root: Path, part: Part) -> None:
        authority = trustme.CA()
        own, theirs = authority.issue_cert("127.0.0.1"), authority.issue_cert("device")
        self._context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        own.configure_cert(self._context)
        theirs.private_key_pem.write_to_path(str(root / "device.key"))
        theirs.cert_chain_pems[0].write_to_path(str(root / "device.pem"))
        ca_pem = authority.cert_pem.bytes().decode()
        self.passport = Passport(Credentials(root / "device.pem", root / "device.key"), ca_pem)
        self.came = 0
        self._part = part
        self._listening = socket.create_server(("127.0.0.1", 0))
        self.port = int(self._listening.getsockname()[1])
        threading.Thread(target=self._admit, daemon=True).start()

    @property
    def url(self) -> str:
        return f"https://127.0.0.1:{self.port}"

    @property
    def tls(self) -> ssl.SSLContext:
        """What a client trusts it by."""
        return ssl.create_default_context(cadata=self.passport.server_ca_pem)

    def close(self) -> None:
        with contextlib.suppress(OSError):
            self._listening.shutdown(socket.SHUT_RDWR)
        self._listening.close()

    def _admit(self) -> None:
        while True:
            try:
                connection, _ = self._listening.accept()
            except OSError:
                return
            self.came += 1
            threading.Thread(target=self._play, args=(connection,), daemon=True).start()

    def _play(self, connection: socket.socket) -> None:
        with contextlib.suppress(OSError), self._context.wrap_socket(connection, server_side=True) as speaking:
            self._part(speaking)


@contextmanager
def stranger(root: Path, part: Part) -> Iterator[Stranger]:
    """One that listens."""
    made = Stranger(root, part)
    try:
        yield made
    finally:
        made.close()
