"""All that a device remembers over a power cut: one frozen struct a file (PROTOCOL 5, rule 3)."""

from __future__ import annotations

from typing import Any, Final

import msgspec

from pyvorin_edge.identity import Digest
from pyvorin_edge.orders import BundleRef, Gate, Target
from pyvorin_edge.report import Refused, Result
from pyvorin_edge.trust import Link
from pyvorin_edge.vocabulary import Cause, ConfigFormat, Outcome, Phase, RuleKind

#: earlier releases kept whole besides the committed one (rule 4: at least two)
PREVIOUS_KEPT: Final = 3
QUARANTINE_KEPT: Final = 32


class Heard(msgspec.Struct, frozen=True, kw_only=True):
    """The highest order heard of a channel, or assignment; without a payload's hash it is only a bound (rule 2)."""

    epoch: int
    #: an assignment's `number`
    generation: int
    payload_sha256: Digest | None = None


class Installed(msgspec.Struct, frozen=True, kw_only=True):
    """A config that passed its gate, or the provisioned one: enough to run it again without network."""

    #: none = the provisioned config
    release: Digest | None
    version: str | None
    overlay: Digest
    attempt: int
    kind: RuleKind = RuleKind.RELEASE
    #: the rendered file's bytes, kept as a blob under this digest
    file: Digest
    #: the release's config before the overlay, kept too; none = the provisioned config
    config: Digest | None = None
    format: ConfigFormat
    config_hash: str
    #: at commit; none until first measured
    effective_hash: str | None = None
    #: at the same time, of each value from outside the file: key path → keyed digest, so that drift can name the path
    values: dict[str, str] = {}
    #: the agent version that measured it: another one may have other defaults, so it is retaken (PROTOCOL 7)
    measured_by: str = ""
    floor: int = 0
    #: none = it runs on the code that is installed
    bundle: BundleRef | None = None

    @property
    def slot(self) -> Digest | None:
        """Name of the bundle's slot; none = the installed code."""
        return self.bundle.manifest_sha256 if self.bundle is not None else None

    def holds(self, target: Target) -> bool:
        """Whether this is the target, by (release, overlay)."""
        return (self.release, self.overlay) == (target.release, target.overlay)


class Trial(msgspec.Struct, frozen=True, kw_only=True):
    """An update under way; its file is there exactly while the device is not settled."""

    target: Target
    phase: Phase
    #: remaining delay of the spread, uptime seconds; none = not rolled yet
    spread_left_seconds: float | None = None
    #: what is being proved, once staged, and by which gate
    staged: Installed | None = None
    gate: Gate = Gate()
    #: the agent's starts while switching, proving or reverting, and how many of them within the machine's same boot
    starts: int = 0
    starts_same_boot: int = 0
    machine_boot_id: str = ""
    #: it changes the bundle, so it is judged by whether the fleet is reached under it too (rule 7)
    reach: bool = False
    #: it goes back because the fleet was not reached, which is judged once it is back (rule 7)
    unreached: bool = False
    #: uptime for which the fleet was tried to be reached in this phase, over all starts (patience.py)
    spent_seconds: float = 0.0
    #: while reverting: how it will be told
    outcome: Outcome | None = None
    code: Cause | None = None
    detail: str = ""


class Tried(msgspec.Struct, frozen=True, kw_only=True):
    """A (release, overlay) that ended badly (rule 6)."""

    release: Digest
    overlay: Digest
    attempt: int
    outcome: Outcome
    code: Cause
    tries: int
    #: whether the config had been switched: then only a higher attempt tries again
    switched: bool
    #: trust version, floor and agent of a rejection: it is judged again when one of them changed
    judged_by: str = ""


class Local(msgspec.Struct, frozen=True, kw_only=True):
    """A rollback by hand, in force until other rules, another pin or channel are accepted (rule 15)."""

    #: none = the provisioned config
    release: Digest | None
    #: digest of the rules, pin and channel that it stands against
    against: Digest


class Healed(msgspec.Struct, frozen=True, kw_only=True):
    """When a key path was healed, Unix ms: three times in an hour and healing stops (PROTOCOL 7)."""

    pointer: str
    at: tuple[int, ...]


class LinkTrial(msgspec.Struct, frozen=True, kw_only=True):
    """The link of a trust document on trial, or given up (rule 7)."""

    link: Link
    #: trying the old one again, to learn whether the new one was at fault
    going_back: bool = False
    #: how often it was given up
    tries: int = 0
    #: uptime for which it, or then the old one, was tried, over all starts (patience.py)
    spent_seconds: float = 0.0
    #: given up for good until another link comes
    ended: bool = False


class State(msgspec.Struct, frozen=True, kw_only=True):
    """Counters, bounds and what was last told."""

    #: counts starts; durable before the first message of a start
    boot: int = 0
    incarnation: int = 1
    #: of the trust document that `floor` and `time_bound` are counted under
    epoch: int = 0
    floor: int = 0
    #: by channel
    heard: dict[str, Heard] = {}
    heard_assignment: Heard | None = None
    #: greatest accepted issued_at, Unix ms (rule 8)
    time_bound: int = 0
    result: Result | None = None
    refused: Refused | None = None
    drift_since: int | None = None
    healed: tuple[Healed, ...] = ()
    fleet: str | None = None
    #: whether a report was ever acknowledged: a device that lives by parcels alone is not judged for reach (rule 7)
    met: bool = False
    #: where the fleet is, once a link of a trust document proved itself; none = as enrolled
    link: Link | None = None
    link_trial: LinkTrial | None = None


class Memory(msgspec.Struct, frozen=True, kw_only=True):
    """Every durable part; none = no file. Envelopes are kept whole, as they came."""

    directive: bytes | None = None
    assignment: bytes | None = None
    #: by version, from 1
    trust: tuple[bytes, ...] = ()
    local: Local | None = None
    committed: Installed | None = None
    #: newest first
    previous: tuple[Installed, ...] = ()
    trial: Trial | None = None
    quarantine: tuple[Tried, ...] = ()
    state: State = State()


#: File names of rule 3; trust documents lie one a file in `trust/<n>`.
FILES: Final[dict[str, str]] = {
    "directive": "desired-directive",
    "assignment": "desired-assignment",
    "local": "local",
    "previous": "previous",
    "committed": "committed",
    "quarantine": "quarantine",
    "state": "state",
    "trial": "trial",
}

#: The type of each part that is JSON on disk (directive and assignment are their own bytes).
TYPES: Final[dict[str, Any]] = {
    "local": Local,
    "committed": Installed,
    "previous": tuple[Installed, ...],
    "trial": Trial,
    "quarantine": tuple[Tried, ...],
    "state": State,
}


def parts(memory: Memory) -> dict[str, bytes | None]:
    """File name → bytes of every part, none where no file should be: what the shell makes durable, in this order.

    The order counts, for power may go between two: an order is there before the state that says it was heard, what was
    committed before is among the earlier ones before it is replaced, and a trial goes only after all that it ended in.
    """
    found: dict[str, bytes | None] = {f"trust/{n}": document for n, document in enumerate(memory.trust, start=1)}
    for name, file in FILES.items():
        value = getattr(memory, name)
        found[file] = _bytes_of(name, value)
    return found


def from_parts(found: dict[str, bytes | None]) -> Memory:
    """Memory from the files' bytes; msgspec.DecodeError if one cannot be read (the journal has checked its sum)."""
    documents: list[bytes] = []
    while (document := found.get(f"trust/{len(documents) + 1}")) is not None:
        documents.append(document)
    values: dict[str, Any] = {"trust": tuple(documents)}
    for name, file in FILES.items():
        data = found.get(file)
        if data is not None:
            values[name] = msgspec.json.decode(data, type=TYPES[name]) if name in TYPES else data
    return Memory(**values)


def _bytes_of(name: str, value: Any) -> bytes | None:
    if value is None or value == ():
        return None
    return msgspec.json.encode(value) if name in TYPES else bytes(value)
