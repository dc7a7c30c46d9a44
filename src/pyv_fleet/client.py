"""The typed API client that the CLI and users' programs use: sync, httpx loaded when it first speaks."""

from __future__ import annotations

import secrets
import ssl
import time
import tomllib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final, Self, TypeVar

import msgspec

from pyv_fleet.core import keys, views

if TYPE_CHECKING:
    import httpx

T = TypeVar("T")
CONTEXT_FILE: Final = "context.toml"
SECONDS: Final = 30.0
#: a POST that breaks in transit is sent again with the same Idempotency-Key, after so many seconds each
AGAIN_AFTER_SECONDS: Final = (0.3, 1.0)
DeviceList = views.Page[views.DeviceView]


class ClientError(Exception):
    """Root of what can go wrong with a call; `exit_code` is what the CLI ends with."""

    exit_code = 1

    def __init__(self, message: str, errors: tuple[str, ...] = ()) -> None:
        super().__init__(message)
        self.errors = errors


class NoContext(ClientError):
    """The operator's home is missing or not usable: make one with `pyv-fleet fleet init`."""

    exit_code = 2


class NotReached(ClientError):
    """The controller did not answer."""


class Refused(ClientError):
    """The controller found the request wrong; `errors` names each field."""


class NotAllowed(ClientError):
    """The token is missing, unknown, or of too low a scope."""

    exit_code = 4


class NotFound(ClientError):
    """There is nothing of that name."""

    exit_code = 5


class Conflict(ClientError):
    """It contradicts what stands."""

    exit_code = 6


class TimedOut(ClientError):
    """No answer in time; what was asked may have been done."""

    exit_code = 8


class Context(msgspec.Struct, frozen=True, kw_only=True):
    """`context.toml` in the operator's home: where the fleet is, and what opens it. Paths are relative to the file."""

    api: Annotated[str, msgspec.Meta(pattern="^https?://")]
    page: str = ""
    #: PEM of the server CA
    ca: str = "server_ca.pem"
    token_file: str = "token"
    release_key: str = "keys/release.key"
    root_key: str = "keys/root.key"


def read_context(home: Path) -> Context:
    """The context in an operator's home; NoContext says what is wrong and what to do."""
    path = home / CONTEXT_FILE
    try:
        return msgspec.convert(tomllib.loads(path.read_text(encoding="utf-8")), Context)
    except OSError as why:
        raise NoContext(
            f"{path}: {why.strerror}; name the operator's home with --home, or make one with `pyv-fleet fleet init`"
        ) from None
    except (ValueError, msgspec.ValidationError) as why:  # not UTF-8, not TOML, not a context
        raise NoContext(f"{path}: {why}") from None


class FleetClient:
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

    # the fleet

    def fleet(self) -> views.FleetView:
        """What the fleet is."""
        return self._get("/v1/fleet", views.FleetView)

    def snapshot(self) -> views.SnapshotView:
        """The article's `FleetSnapshot`."""
        return self._get("/v1/fleet/snapshot", views.SnapshotView)

    def attention(self, *, max_queue_depth: int = 5000, max_cpu: float = 90.0) -> list[views.AttentionView]:
        """Devices that need a person."""
        query = {"max_queue_depth": max_queue_depth, "max_cpu": max_cpu}
        return self._get("/v1/fleet/attention", list[views.AttentionView], query)

    # devices

    def devices(self, **query: Any) -> Iterator[views.DeviceView]:
        """All that match (channel, label, connectivity, standing), page by page."""
        yield from self._pages("/v1/devices", DeviceList, query)

    def device(self, device_id: str) -> views.DeviceView:
        """One device."""
        return self._get(f"/v1/devices/{_safe(device_id)}", views.DeviceView)

    def count_devices(self, **query: Any) -> int:
        """How many match."""
        return self._get("/v1/devices", DeviceList, {**query, "limit": 1}).total

    # drift

    def drift(self) -> list[views.DriftView]:
        """Every device that drifted."""
        return self._get("/v1/drift", list[views.DriftView])

    def drift_of(self, device_id: str) -> views.DeviceDrift:
        """One device's drift by key path."""
        return self._get(f"/v1/devices/{_safe(device_id)}/drift", views.DeviceDrift)

    def remediate(self, body: views.RemediateBody) -> list[views.DeviceOutcome]:
        """Have the applied config written back."""
        return self._send("POST", "/v1/drift/remediate", body, list[views.DeviceOutcome])

    def request(self, device_id: str, verb: str, args: Mapping[str, Any] | None = None) -> dict[str, Any]:
        """Ask one device; its response."""
        body = {"verb": verb, "args": dict(args or {})}
        return self._send("POST", f"/v1/devices/{_safe(device_id)}/requests", body, dict[str, Any])

    # releases, channels

    def publish_release(self, upload: views.ReleaseUpload, *, unchecked: bool = False) -> views.ReleaseView:
        """Upload a signed release; `unchecked` (admin) takes a config that does not validate."""
        query = {"unchecked": "true"} if unchecked else {}
        return self._send("POST", "/v1/releases", upload, views.ReleaseView, query)

    def releases(self) -> Iterator[views.ReleaseView]:
        """All releases, the newest first."""
        yield from self._pages("/v1/releases", views.Page[views.ReleaseView], {})

    def release(self, ref: str) -> views.ReleaseView:
        """One release, by digest or version."""
        return self._get(f"/v1/releases/{_safe(ref)}", views.ReleaseView)

    def release_envelope(self, ref: str) -> bytes:
        """A release's signed envelope."""
        return self._answer("GET", f"/v1/releases/{_safe(ref)}/envelope").content

    def blob(self, sha256: str) -> bytes:
        """A config's bytes."""
        return self._answer("GET", f"/v1/blobs/{_safe(sha256)}").content

    def channels(self) -> list[views.ChannelView]:
        """Every channel."""
        return self._get("/v1/channels", list[views.ChannelView])

    def channel(self, name: str) -> views.ChannelView:
        """One channel."""
        return self._get(f"/v1/channels/{_safe(name)}", views.ChannelView)

    def put_channel(self, name: str, body: views.ChannelBody) -> views.ChannelView:
        """Make a channel or set its terms."""
        return self._send("PUT", f"/v1/channels/{_safe(name)}", body, views.ChannelView)

    def refresh_channel(self, name: str, reason: str) -> views.ChannelView:
        """Issue its directive again, with the same rules."""
        body = views.ChannelVerb(reason=reason)
        return self._send("POST", f"/v1/channels/{_safe(name)}/refresh", body, views.ChannelView)

    # rollouts, rollbacks

    def create_rollout(self, spec: views.RolloutSpec) -> views.RolloutView:
        """Make and start a rollout."""
        return self._send("POST", "/v1/rollouts", spec, views.RolloutView)

    def rollouts(self) -> Iterator[views.RolloutView]:
        """All rollouts, the newest first."""
        yield from self._pages("/v1/rollouts", views.Page[views.RolloutView], {})

    def rollout(self, rollout_id: str) -> views.RolloutView:
        """One rollout."""
        return self._get(f"/v1/rollouts/{_safe(rollout_id)}", views.RolloutView)

    def move_rollout(self, rollout_id: str, move: str, body: views.RolloutVerb) -> views.RolloutView:
        """`pause`, `resume` or `abort` it."""
        return self._send("POST", f"/v1/rollouts/{_safe(rollout_id)}/{move}", body, views.RolloutView)

    def rollback(self, spec: views.RollbackSpec) -> views.RollbackView:
        """Roll back, or say what it would touch (`dry_run`)."""
        return self._send("POST", "/v1/rollbacks", spec, views.RollbackView)

    def rollback_status(self, rollback_id: str) -> views.RollbackView:
        """Who has acknowledged."""
        return self._get(f"/v1/rollbacks/{_safe(rollback_id)}", views.RollbackView)

    # trust, tokens, records

    def create_token(self, spec: views.TokenSpec) -> views.TokenMade:
        """Make an enrolment token."""
        return self._send("POST", "/v1/tokens", spec, views.TokenMade)

    def create_key(self, spec: keys.KeySpec) -> keys.KeyMade:
        """Make a person's or program's key."""
        return self._send("POST", "/v1/keys", spec, keys.KeyMade)

    def trust_document(self, version: int) -> bytes:
        """One trust document."""
        return self._answer("GET", f"/v1/trust/{version}").content

    def put_trust(self, version: int, document: bytes) -> None:
        """Put the next trust document in force."""
        self._answer("PUT", f"/v1/trust/{version}", document)

    def alerts(self) -> Iterator[views.AlertView]:
        """All alerts, the newest first."""
        yield from self._pages("/v1/alerts", views.Page[views.AlertView], {})

    def audit(self) -> Iterator[views.AuditView]:
        """All acts, the newest first."""
        yield from self._pages("/v1/audit", views.Page[views.AuditView], {})

    # how

    def _get(self, path: str, into: type[T], query: Mapping[str, Any] | None = None) -> T:
        return _parsed(self._answer("GET", path, query=query).content, into)

    def _send(self, method: str, path: str, body: Any, into: type[T], query: Mapping[str, Any] | None = None) -> T:
        return _parsed(self._answer(method, path, msgspec.json.encode(body), query=query).content, into)

    def _pages(self, path: str, into: type[views.Page[T]], query: Mapping[str, Any]) -> Iterator[T]:
        after: str | None = None
        while True:
            page = self._get(path, into, {**query, **({"after": after} if after else {})})
            yield from page.items
            after = page.next
            if after is None:
                return

    def _answer(
        self, method: str, path: str, body: bytes | None = None, *,
        query: Mapping[str, Any] | None = None, headers: Mapping[str, str] | None = None,
    ) -> httpx.Response:  # fmt: skip
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


def error_of(status: int, body: bytes) -> ClientError:
    """The error that a status and a problem's body mean."""
    kinds: dict[int, type[ClientError]] = {
        401: NotAllowed,
        403: NotAllowed,
        404: NotFound,
        409: Conflict,
        504: TimedOut,
    }
    kind = kinds.get(status, Refused if status < 500 else ClientError)
    try:
        problem = msgspec.json.decode(body, type=views.Problem)
    except msgspec.DecodeError:
        return kind(f"the controller answered {status}")
    return kind(f"{problem.title}: {problem.detail}" if problem.detail else problem.title, problem.errors)


def _parsed(data: bytes, into: type[T]) -> T:
    try:
        return msgspec.json.decode(data, type=into)
    except msgspec.DecodeError as why:
        raise ClientError(f"the controller's answer cannot be read: {why}; are both of the same version?") from None


def _safe(part: str) -> str:
    from urllib.parse import quote

    if not part:
        raise Refused("an empty name")
    return quote(part, safe="")
