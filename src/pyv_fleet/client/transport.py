"""One HTTPS connection to a controller: calls, pages, repeats of what may be repeated; httpx loaded late."""

from __future__ import annotations

import secrets
import ssl
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Protocol, Self, TypeVar

import msgspec

from pyv_fleet.client.context import read_context
from pyv_fleet.client.errors import ClientError, NoContext, NotReached, Refused, TimedOut, error_of
from pyv_fleet.core.etags import NOTHING

if TYPE_CHECKING:
    import httpx

T = TypeVar("T")
Item = TypeVar("Item", covariant=True)
SECONDS: Final = 30.0
#: a POST that breaks in transit is sent again with the same Idempotency-Key, after so many seconds each
AGAIN_AFTER_SECONDS: Final = (0.3, 1.0)


class _Paged(Protocol[Item]):
    """One page of any list; `next` is what to ask for as `?after=`."""

    @property
    def items(self) -> tuple[Item, ...]: ...

    @property
    def next(self) -> str | None: ...


class Transport:
    """One controller, as one token sees it. Every method is one call and returns the API's own structs."""

    def __init__(self, api: str, token: str, ca: Path | None = None, *, seconds: float = SECONDS) -> None:
        """`ca` is the PEM file by which the server is verified; none = the system's own."""
        self._api = api.rstrip("/")
        self._token = token
        self._ca = ca
        self._seconds = seconds
        self._opened: httpx.Client | None = None

    @classmethod
    def at(cls, home: Path, *, seconds: float = SECONDS) -> Self:
        """With the context in an operator's home; NoContext if something is missing there."""
        context = read_context(home)
        token_file = home / context.token_file
        try:
            token = token_file.read_text(encoding="ascii").strip()
        except OSError as why:
            raise NoContext(f"{token_file}: {why.strerror}; it must hold the operator's token") from None
        except UnicodeDecodeError:
            token = ""
        if not token.isprintable() or not token or " " in token:  # never in the message: it may hold a part of one
            raise NoContext(f"{token_file}: holds no token; a token is one line of letters, digits, '.', '_', '-'")
        return cls(context.api, token, home / context.ca, seconds=seconds)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """End its connections."""
        if self._opened is not None:
            self._opened.close()

    # what the nouns call

    def get(self, path: str, into: type[T], query: Mapping[str, Any] | None = None) -> T:
        """What a GET answers, as a struct."""
        return parsed(self.answer("GET", path, query=query).content, into)

    def send(
        self, method: str, path: str, body: Any, into: type[T], query: Mapping[str, Any] | None = None,
        *, seen: str | None = None,
    ) -> T:  # fmt: skip
        """What an act answers, as a struct; the body goes as JSON. Conflict if not what was `seen` stands: an etag,
        or that there is nothing yet (`core/etags.py`)."""
        headers = {"Content-Type": "application/json"} | ({} if seen is None else _held_to(seen))
        return parsed(self.answer(method, path, msgspec.json.encode(body), query=query, headers=headers).content, into)

    def pages(self, path: str, into: type[_Paged[T]], query: Mapping[str, Any]) -> Iterator[T]:
        """Every item of a paged list, in its order."""
        after: str | None = None
        while True:
            page = self.get(path, into, {**query, **({"after": after} if after else {})})
            yield from page.items
            after = page.next
            if after is None:
                return

    def answer(
        self, method: str, path: str, body: bytes | None = None, *,
        query: Mapping[str, Any] | None = None, headers: Mapping[str, str] | None = None,
    ) -> httpx.Response:  # fmt: skip
        """The raw answer below 400; else the error that it means."""
        wanted = {key: value for key, value in (query or {}).items() if value is not None}
        stated = headers or ({"Content-Type": "application/json"} if body is not None else {})
        with self._reaching():
            request = self._http.build_request(method, path, content=body, params=wanted, headers=stated)
            response = self._acted(request) if method == "POST" else self._http.send(request)
        if response.status_code >= 400:
            raise error_of(response.status_code, response.content)
        return response

    def _acted(self, request: httpx.Request) -> httpx.Response:
        """Its key makes it safe to send again: the controller does it once, and answers twice (PROTOCOL 9)."""
        import httpx

        request.headers["Idempotency-Key"] = secrets.token_hex(16)
        begun = False
        for seconds in AGAIN_AFTER_SECONDS:
            try:
                return self._http.send(request)
            except httpx.TimeoutException:
                raise
            except httpx.TransportError as why:
                begun = begun or not isinstance(why, httpx.ConnectError)
                if not begun:
                    raise  # nothing was sent: the controller is not there
                time.sleep(seconds)
        return self._http.send(request)

    @property
    def _http(self) -> httpx.Client:
        import httpx

        if self._opened is None:
            headers = {"Authorization": f"Bearer {self._token}", "User-Agent": "pyv-fleet"}
            self._opened = httpx.Client(
                base_url=self._api, headers=headers, timeout=self._seconds, verify=self._verify(), trust_env=False
            )
        return self._opened

    def _verify(self) -> ssl.SSLContext | bool:
        if self._ca is None or self._api.startswith("http://"):
            return True
        try:
            return ssl.create_default_context(cafile=str(self._ca))
        except ssl.SSLError:
            raise NoContext(f"{self._ca}: holds no certificate; it must hold the server CA's in PEM") from None
        except OSError as why:
            raise NoContext(f"{self._ca}: {why.strerror}; it must hold the server CA's certificate in PEM") from None

    @contextmanager
    def _reaching(self) -> Iterator[None]:
        import httpx

        try:
            yield
        except httpx.TimeoutException:
            raise TimedOut(f"{self._api} did not answer within {self._seconds:g} s") from None
        except httpx.LocalProtocolError:  # its message would hold the token
            raise NoContext("the token holds what no token has: one line of letters, digits, '.', '_', '-'") from None
        except httpx.HTTPError as why:
            said = str(why).rstrip(".") or type(why).__name__
            raise NotReached(f"{self._api} cannot be reached: {said}; is `pyv-fleet serve` running?") from None


def parsed(data: bytes, into: type[T]) -> T:
    """The controller\'s JSON as a struct; ClientError if it cannot be read."""
    try:
        return msgspec.json.decode(data, type=into)
    except msgspec.DecodeError as why:
        raise ClientError(f"the controller's answer cannot be read: {why}; are both of the same version?") from None


def _held_to(seen: str) -> dict[str, str]:
    return {"If-None-Match": "*"} if seen == NOTHING else {"If-Match": f'"{seen}"'}


def safe(part: str) -> str:
    """A name as one segment of a path; Refused if it is empty."""
    from urllib.parse import quote

    if not part:
        raise Refused("an empty name")
    return quote(part, safe="")
