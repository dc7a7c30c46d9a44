"""A parcel goes the way of every order: through the same checks, by the same core (PROTOCOL 8, `/config/reload`)."""

from __future__ import annotations

import base64
from collections.abc import Callable, Mapping, Sequence
from http import HTTPStatus
from typing import Any, Final, NamedTuple, Protocol

import msgspec

from pyv_edge_agent.core.aim import aimed_at
from pyv_edge_agent.core.device import Device
from pyv_edge_agent.core.events import Arrived, Event
from pyv_edge_agent.core.obey import NotObeyed, heed_release
from pyv_edge_agent.core.telling import fleet_facts, shown_phase
from pyv_edge_agent.disk.atomic import DiskError
from pyvorin_edge import topics, wire
from pyvorin_edge.envelope import open_envelope
from pyvorin_edge.errors import PyvorinError
from pyvorin_edge.identity import Digest
from pyvorin_edge.orders import OrderError, Parcel, release_digest
from pyvorin_edge.parcels import decode_parcel, parcel_blobs
from pyvorin_edge.trust import TrustError, version_of
from pyvorin_edge.vocabulary import ParcelOutcome

Action = Callable[[], None]
WORDS: Final[Mapping[int, ParcelOutcome]] = {
    HTTPStatus.OK: ParcelOutcome.ACCEPTED,
    HTTPStatus.CONFLICT: ParcelOutcome.LOWER,
    HTTPStatus.UNPROCESSABLE_ENTITY: ParcelOutcome.REJECTED,
    HTTPStatus.INSUFFICIENT_STORAGE: ParcelOutcome.NOT_KEPT,
}
"""What each status of `take_parcel` means."""


class Taker(Protocol):
    """What takes a parcel's parts: the running agent's updater, or the device at rest."""

    @property
    def device(self) -> Device:
        """The device as it is now."""

    @property
    def trouble(self) -> str | None:
        """What the disk did not take of the last event; none = all of it is durable."""

    def call(self, action: Action) -> None:
        """Run `action` where events are fed."""

    def feed(self, event: Event) -> None:
        """One event, from within `call`."""

    def lay_in(self, release: Digest, envelope: bytes, sha256: Digest, blob: bytes | None) -> None:
        """Store a verified release and its config."""


def ask_parcel(taker: Taker, args: Mapping[str, Any]) -> dict[str, Any]:
    """The control socket's `parcel`: {"parcel": base64} → status, sentence, where the device stands then, and what it
    had committed before (`was`)."""
    before = past(taker.device)
    try:
        data = base64.b64decode(str(args["parcel"]), validate=True)
    except ValueError:  # binascii.Error is one; letters beyond ASCII are another
        status, said = 422, "not a parcel: it came broken"
    else:
        status, said = take_parcel(taker, data)
    return {"status": status, "said": said, **before, **standing(taker.device)}


def past(device: Device) -> dict[str, Any]:
    """What it has committed, as it is told after a parcel changed it."""
    committed = device.memory.committed
    return {
        "was": None if committed is None else committed.release,
        "was_overlay": None if committed is None else committed.overlay,
    }


def standing(device: Device) -> dict[str, Any]:
    """Who it is, what it works towards, what it has, the hash that runs, and how the last update ended; releases by
    digest, none = not known."""
    target = aimed_at(device.facts.device_id, device.memory, device.directive, device.assignment)
    committed, result = device.memory.committed, device.memory.state.result
    return {
        "device_id": device.facts.device_id,
        "boot_id": device.boot_id or None,
        "channel": device.channel,
        "generation": fleet_facts(device)["generation"],
        "config_hash": device.live_hash,
        "health": device.health.get("status"),
        "wanted": None if target is None else target.release,
        "attempt": None if target is None else target.attempt,
        "committed": None if committed is None else committed.release,
        "overlay": None if committed is None else committed.overlay,
        "version": None if committed is None else committed.version,
        "phase": shown_phase(device),
        "waiting_for": device.waiting_for,
        "result": msgspec.to_builtins(result),
    }


def take_parcel(updater: Taker, data: bytes) -> tuple[int, str]:
    """Status and sentence: 200 accepted or already in force, 409 lower than what is, 422 rejected, 507 the disk did not
    take it (a running agent tries again by itself)."""
    try:
        parcel = decode_parcel(data)
        trust, orders, contents = _documents(parcel), _orders(parcel), _Contents.of(parcel)
    except (OrderError, TrustError, PyvorinError) as why:
        return 422, f"not a parcel: {why}"
    if parcel.directive is None and parcel.assignment is None and not parcel.trust:
        return 422, "the parcel orders nothing: it has neither directive nor assignment nor trust documents"
    said: list[tuple[int, str]] = []
    updater.call(lambda: said.append(_take(updater, parcel, [*trust, contents, *orders])))
    return said[0]


class _Contents(NamedTuple):
    """What the parcel's orders may need."""

    releases: dict[Digest, bytes]
    blobs: dict[Digest, bytes]

    @classmethod
    def of(cls, parcel: Parcel) -> _Contents:
        envelopes = [text.encode("utf-8") for text in parcel.releases]
        releases = {release_digest(open_envelope(data).payload): data for data in envelopes}
        return cls(releases, parcel_blobs(parcel))


def _take(updater: Taker, parcel: Parcel, steps: Sequence[Arrived | _Contents]) -> tuple[int, str]:
    before = updater.device.memory.state.refused
    try:
        for step in steps:
            if isinstance(step, Arrived):
                updater.feed(step)
            else:
                _lay_in(updater, step)
    except DiskError as why:
        return HTTPStatus.INSUFFICIENT_STORAGE, str(why)
    memory = updater.device.memory
    refused = memory.state.refused
    if refused is not None and refused is not before:
        return 422, f"{refused.order}: {refused.code.sentence}: {refused.detail}"
    wanted = {"directive": parcel.directive, "assignment": parcel.assignment}
    missing = [n for n, text in wanted.items() if text is not None and getattr(memory, n) != text.encode("utf-8")]
    if updater.trouble is not None and (missing or not any(wanted.values())):
        return HTTPStatus.INSUFFICIENT_STORAGE, updater.trouble
    if missing:
        return 409, f"the {missing[0]} is not newer than the one in force, or not for this device"
    return 200, "accepted"


def _lay_in(updater: Taker, contents: _Contents) -> None:
    """Into the store, where the core looks before it fetches: what the release role signed, and what that names. And
    said aloud: an update that lacked it waits for it already."""
    device = updater.device
    for digest, envelope in contents.releases.items():
        heeded = heed_release(envelope, digest, device.trust, device.memory.state)
        if isinstance(heeded, NotObeyed):
            continue  # the core says so itself, once the release is wanted
        blob = contents.blobs.get(heeded.order.config.sha256)
        updater.lay_in(digest, envelope, heeded.order.config.sha256, blob)
        updater.feed(Arrived(topics.release(digest), envelope))
        if blob is not None:
            updater.feed(Arrived(topics.blob(heeded.order.config.sha256), blob))


def _documents(parcel: Parcel) -> list[Arrived]:
    return [Arrived(topics.trust(version_of(text.encode())), text.encode()) for text in parcel.trust]


def _orders(parcel: Parcel) -> list[Arrived]:
    found = []
    if parcel.assignment is not None:
        said = _payload_of(parcel.assignment)
        found.append(Arrived(topics.assignment(str(said.get("device_id"))), parcel.assignment.encode()))
    if parcel.directive is not None:
        said = _payload_of(parcel.directive)
        found.append(Arrived(topics.channel(str(said.get("channel"))), parcel.directive.encode()))
    return found


def _payload_of(envelope: str) -> dict[str, Any]:
    """For its address only: nothing in it is believed here."""
    said = wire.loads_strict(open_envelope(envelope.encode()).payload, limit_bytes=wire.ORDER_BYTES_MAX)
    return said if isinstance(said, dict) else {}
