"""What stands between a config and its being in force on this device: the update lock, and hooks in a thread."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Final

import msgspec

from pyv_edge_agent.core import effects as do
from pyv_edge_agent.core import events as ev
from pyv_edge_agent.core.memory import Installed
from pyv_edge_agent.update_lock import UpdateLock
from pyvorin_edge.config.formats import parse
from pyvorin_edge.config.problem import ConfigError
from pyvorin_edge.drift import differing_paths
from pyvorin_edge.errors import PyvorinError
from pyvorin_edge.identity import Digest

if TYPE_CHECKING:
    from pyv_edge_agent.hooks import Change, Hook

logger = logging.getLogger(__name__)

#: "try again later", of sysexits.h
EX_TEMPFAIL: Final = 75
#: of the changed key paths that a hook is told
CHANGED_LETTERS_MAX: Final = 8000


class GuardPlace(msgspec.Struct, frozen=True, kw_only=True):
    """Where lock and hooks are, and what a hook is told of."""

    update_lock: Path
    #: hooks.toml
    hooks: Path
    #: the live config
    live: Path
    device_id: str
    #: so long a lock is honoured; 0 = until it is let go
    lock_seconds_max: Callable[[], float]
    #: hides the secrets that this process knows
    scrub: Callable[[str], str]


class Store(msgspec.Struct, frozen=True):
    """How the guards read what is about to change."""

    blob: Callable[[Digest], bytes | None]
    #: the directory of a bundle
    slot: Callable[[Digest], Path]


class Guards:
    """Answers `LookAtLock` at once, and `RunHooks` by an event when they ended."""

    def __init__(self, place: GuardPlace, store: Store, put: Callable[[ev.Event], None]) -> None:
        self._place = place
        self._store = store
        self._put = put
        self._lock = UpdateLock(place.update_lock)
        self._wanted = 0
        self._one_at_a_time = threading.Lock()

    def look_at_lock(self, take: bool) -> ev.LockSeen:
        """See LookAtLock."""
        seen = self._lock.look(take=take)
        most = self._place.lock_seconds_max()
        return ev.LockSeen(holder=seen.holder, ours=seen.ours, most_seconds=most)

    def free_lock(self) -> None:
        """See FreeLock."""
        self._lock.free()

    def run(self, asked: do.RunHooks) -> list[ev.Event]:
        """See RunHooks; where no hook is concerned, that is the answer at once."""
        if not self._place.hooks.exists():
            return [ev.HooksEnded(number=asked.number)]
        from pyv_edge_agent.hooks import HooksError, concerned, read_hooks  # most devices have none

        try:
            change = self._change(asked)
            hooks = concerned(read_hooks(self._place.hooks), asked.moment, change)
        except HooksError as why:
            return [ev.HooksEnded(number=asked.number, failed=str(why))]
        if not hooks:
            return [ev.HooksEnded(number=asked.number)]
        self._wanted = asked.number
        threading.Thread(target=self._run, args=(asked, hooks, change), name="hooks", daemon=True).start()
        return []

    def leave(self) -> None:
        """See LeaveHooks."""
        self._wanted = 0

    def _run(self, asked: do.RunHooks, hooks: tuple[Hook, ...], change: Change) -> None:
        ended = ev.HooksEnded(number=asked.number)
        try:
            with self._one_at_a_time:
                for hook in hooks:
                    ended = self._ended(asked, hook, change)
                    if ended.failed is not None:
                        break
        except Exception as why:  # a thread's edge: the update must learn of it
            logger.exception("a hook could not be run")
            ended = ev.HooksEnded(number=asked.number, failed=f"{type(why).__name__}: {why}")
        self._put(ended)

    def _ended(self, asked: do.RunHooks, hook: Hook, change: Change) -> ev.HooksEnded:
        from pyv_edge_agent.hook_process import run_process
        from pyv_edge_agent.hooks import HooksError, check_program

        name = f"hook {hook.name} ({asked.moment})"
        try:
            check_program(hook)
        except HooksError as why:
            return ev.HooksEnded(number=asked.number, failed=str(why))
        told = self._environment(asked, hook, change)
        found = run_process(hook.run, told, hook.timeout_seconds, lambda: self._wanted == asked.number)
        said = self._place.scrub(found.said)
        if found.status == 0:
            logger.info("%s ended well %s", name, said)
            return ev.HooksEnded(number=asked.number)
        how = f"took longer than {hook.timeout_seconds:g} s" if found.timed_out else _how(found.status)
        failed = f"{name} {how}" + (f": {said}" if said else "")
        return ev.HooksEnded(number=asked.number, failed=failed, again=found.status == EX_TEMPFAIL)

    def _environment(self, asked: do.RunHooks, hook: Hook, change: Change) -> dict[str, str]:
        installed = asked.installed
        facts = {
            "NAME": hook.name,
            "MOMENT": asked.moment,
            "REASON": asked.reason,
            "DEVICE_ID": self._place.device_id,
            "RELEASE": installed.release or "",
            "VERSION": installed.version or "",
            "CONFIG": str(self._place.live),
            "CHANGED": "\n".join(change.paths)[:CHANGED_LETTERS_MAX],
            "FILES": "\n".join(change.files)[:CHANGED_LETTERS_MAX],
        }
        return {f"PYV_HOOK_{name}": str(value) for name, value in facts.items()}

    def _change(self, asked: do.RunHooks) -> Change:
        from pyv_edge_agent.hooks import Change

        paths = asked.paths
        if paths is None:
            paths = self._paths(asked.was, asked.installed)
        return Change(paths, self._files(asked.was, asked.installed) if asked.was is not None else ())

    def _paths(self, was: Installed | None, installed: Installed) -> tuple[str, ...]:
        """What cannot be compared counts as changed altogether."""
        documents = []
        for one in (was, installed):
            data = None if one is None else self._store.blob(one.file)
            if one is None or data is None:
                return ("",)
            try:
                documents.append(parse(data, one.format))
            except ConfigError:
                return ("",)
        return tuple(differing_paths(documents[0], documents[1]))

    def _files(self, was: Installed, installed: Installed) -> tuple[str, ...]:
        if was.slot == installed.slot:
            return ()
        before, after = self._listed(was.slot), self._listed(installed.slot)
        return tuple(sorted(name for name in before.keys() | after.keys() if before.get(name) != after.get(name)))

    def _listed(self, slot: Digest | None) -> dict[str, str]:
        """File names and digests of a bundle, which was verified when it was laid there."""
        from pyvorin_edge.packaging.manifest import parse_manifest
        from pyvorin_edge.packaging.paths import MANIFEST_NAME

        if slot is None:
            return {}
        try:
            return dict(parse_manifest((self._store.slot(slot) / MANIFEST_NAME).read_bytes()).manifest.files)
        except (OSError, PyvorinError) as why:
            logger.warning("the manifest of bundle %s… cannot be read: %s", slot[:12], why)
            return {}


def _how(status: int | None) -> str:
    if status is None:
        return "was ended, or could not be begun"
    return f"was ended by signal {-status}" if status < 0 else f"ended with status {status}"
