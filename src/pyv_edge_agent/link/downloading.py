"""A bundle's archive over HTTPS: taken up where it broke off, not faster than allowed, never larger than announced."""

from __future__ import annotations

import http.client
import ssl
import time
from collections.abc import Callable
from typing import BinaryIO, Final

from pyv_edge_agent.link.http import STEP_SECONDS, USER_AGENT, checked
from pyv_edge_agent.link.interface import LinkError

CHUNK_BYTES: Final = 64 * 1024
#: at a limit lower than this many chunks a second, chunks are smaller, so that no wait is longer than this
_WAIT_SECONDS: Final = 0.5


class Left(Exception):
    """The download was told to stop."""


class Download:
    """One archive from one controller. What was written so far is the file's own length; errors leave it there."""

    def __init__(
        self, url: str, tls: ssl.SSLContext, *, bytes_per_second: Callable[[], int], may_go_on: Callable[[], bool]
    ) -> None:
        """Both are asked before each piece: `bytes_per_second` 0 = as fast as it comes; `may_go_on` no = Left."""
        self._url = checked(url)
        self._tls = tls
        self._rate = bytes_per_second
        self._may_go_on = may_go_on

    def fetch(self, path: str, into: BinaryIO, size: int, moved: Callable[[int], None]) -> None:
        """Append what is missing of `size` bytes; `moved` is told how many there are. LinkError, OSError of `into`."""
        have = into.seek(0, 2)
        if have > size:
            into.truncate(0)
            have = into.seek(0)
        if have == size:
            return
        connection = http.client.HTTPSConnection(
            self._url.hostname or "", self._url.port or 443, timeout=STEP_SECONDS, context=self._tls
        )
        try:
            answer = self._asked(connection, path, have)
            if answer.status == http.client.OK and have:  # the whole of it, in spite of the range asked for
                into.truncate(0)
                have = into.seek(0)
            self._take(answer, into, have, size, moved)
        except ssl.SSLCertVerificationError as why:
            raise LinkError(f"{self}: its certificate does not hold: {why.verify_message}") from None
        except (http.client.HTTPException, ConnectionError, TimeoutError, ssl.SSLError) as why:
            raise LinkError(f"{self}: {why or type(why).__name__}") from None
        finally:
            connection.close()

    def __str__(self) -> str:
        return f"https://{self._url.netloc}"

    def _asked(self, connection: http.client.HTTPSConnection, path: str, have: int) -> http.client.HTTPResponse:
        headers = {"User-Agent": USER_AGENT, **({"Range": f"bytes={have}-"} if have else {})}
        try:
            connection.request("GET", path, headers=headers)
            answer = connection.getresponse()
        except ssl.SSLCertVerificationError:
            raise
        except OSError as why:
            raise LinkError(f"{self}: {why.strerror or why}") from None
        ranged = answer.getheader("Content-Range", "").startswith(f"bytes {have}-")
        if answer.status == http.client.OK or (answer.status == http.client.PARTIAL_CONTENT and ranged):
            return answer
        raise LinkError(f"{self}: the controller answered {answer.status} {answer.reason}")

    def _take(
        self, answer: http.client.HTTPResponse, into: BinaryIO, have: int, size: int, moved: Callable[[int], None]
    ) -> None:
        while have < size:
            if not self._may_go_on():
                raise Left
            began, rate = time.monotonic(), self._rate()
            piece = CHUNK_BYTES if not rate else max(1, min(CHUNK_BYTES, int(rate * _WAIT_SECONDS)))
            data = answer.read1(min(piece, size - have))
            if not data:
                raise LinkError(f"{self}: the download broke off at {have} of {size} bytes")
            into.write(data)
            have += len(data)
            moved(have)
            if rate:
                time.sleep(max(0.0, len(data) / rate - (time.monotonic() - began)))


def path_of(sha256: str) -> str:
    """Where a controller keeps an archive (PROTOCOL 9)."""
    return f"/v1/bundles/{sha256}"
