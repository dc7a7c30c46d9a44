"""What the owner of a running agent may ask of it over its socket."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Final

import msgspec

from pyv_edge_agent.control import Conflict, ControlError, NotFound
from pyv_edge_agent.core.differences import changes
from pyv_edge_agent.core.status import status_of, unnamed
from pyv_edge_agent.updater import OTAUpdater, UnknownRelease
from pyvorin_edge.identity import Digest

LOG_LINES_MAX: Final = 500
DIGEST_LETTERS_LEAST: Final = 8


class Verbs:
    """One method a verb; each takes the question's arguments and answers with plain values."""

    def __init__(
        self,
        updater: OTAUpdater,
        health: Callable[[], dict[str, Any]],
        logs: Callable[[int], tuple[str, ...]],
        reload: Callable[[], None],
        config: Path,
    ) -> None:
        """`logs` gives the last lines without the secrets that this process knows."""
        self._updater = updater
        self._health = health
        self._logs = logs
        self._reload = reload
        self._config = config

    def all(self) -> dict[str, Callable[[Mapping[str, Any]], Any]]:
        """Verb → what answers it."""
        return {
            "status": lambda args: self.status(),
            "health": lambda args: self._health(),
            "drift": lambda args: self.drift(),
            "rollback": self.rollback,
            "pardon": self.pardon,
            "pass-lock": lambda args: self.pass_lock(),
            "logs": self.logs,
            "reload": lambda args: self._reload(),
        }

    def status(self) -> dict[str, Any]:
        """The whole status; `running` tells it from one that was read off the disk."""
        device = self._updater.device
        names = {release: self._updater.version_of(release) for release in unnamed(device.memory)}
        found = status_of(device, {release: name for release, name in names.items() if name is not None})
        said: dict[str, Any] = msgspec.to_builtins(found)
        said["running"] = True
        said["config"] = str(self._config)
        said["trouble"] = self._updater.trouble
        return said

    def drift(self) -> dict[str, Any]:
        """Drift, and the values at the paths that differ."""
        device = self._updater.device
        said: dict[str, Any] = msgspec.to_builtins(device.drift)
        same = device.drift.live_hash == device.drift.applied_hash  # what changed stands outside the file
        applied = device.live_document if same else device.applied
        known = device.drift.paths if applied is not None else ()
        said["changes"] = msgspec.to_builtins(changes(applied, device.live_document, known))
        return said

    def rollback(self, args: Mapping[str, Any]) -> dict[str, Any]:
        """Go back to `version`, or with `to: previous` to the one before; NotFound names what is held."""
        version = self._previous() if args.get("to") == "previous" else args.get("version")
        if not isinstance(version, str):
            raise ControlError("rollback needs a version")
        try:
            self._updater.rollback_to(version)
        except UnknownRelease as why:
            raise NotFound(str(why)) from None
        return {**self.status(), "version": version}

    def pardon(self, args: Mapping[str, Any]) -> dict[str, Any]:
        """Let a quarantined release, named by version or by a digest's beginning, be tried again."""
        release = quarantined_as(self.status(), str(args.get("release", "")))
        self._updater.pardon(release)
        return {**self.status(), "release": release}

    def pass_lock(self) -> dict[str, Any]:
        """The update under way does not wait for the update lock; Conflict if none is under way."""
        if not self._updater.pass_lock():
            raise Conflict("no update is under way: there is nothing to go on with")
        return self.status()

    def logs(self, args: Mapping[str, Any]) -> dict[str, Any]:
        """The last log lines."""
        wanted = args.get("lines", LOG_LINES_MAX)
        count = wanted if isinstance(wanted, int) and 0 < wanted <= LOG_LINES_MAX else LOG_LINES_MAX
        return {"lines": list(self._logs(count))}

    def _previous(self) -> str:
        return previous_of(msgspec.to_builtins(status_of(self._updater.device)))


def previous_of(status: Mapping[str, Any]) -> str:
    """The version that ran before the one in force; NotFound if none is held."""
    earlier = [one["version"] for one in status["held"] if not one["running"]]
    if not earlier:
        raise NotFound("no earlier release is held here")
    return str(earlier[0])


def quarantined_as(status: Mapping[str, Any], name: str) -> Digest:
    """The digest of the quarantined release of this version or beginning; NotFound, or Conflict if several are."""
    lines = status["update"]["quarantine"]
    short = len(name) < DIGEST_LETTERS_LEAST
    found = {
        line["release"] for line in lines if name == line["version"] or (not short and line["release"].startswith(name))
    }
    if len(found) > 1:
        raise Conflict(f"{name!r} names {len(found)} quarantined releases: give more of the digest")
    if not found:
        known = ", ".join(line["version"] or line["release"][:12] for line in lines)
        raise NotFound(f"no release {name!r} is in quarantine here; in quarantine: {known or 'none'}")
    return Digest(found.pop())
