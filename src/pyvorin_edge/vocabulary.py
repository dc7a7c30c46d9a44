"""Every closed set of words on the wire and in the store, each with the sentence that a person reads."""

from __future__ import annotations

import enum
from typing import Self


class Word(enum.StrEnum):
    """A member is the word as it is written; `sentence` is what it means to a person."""

    sentence: str

    # the default is for mypy, which reads `Phase(text)` as a call of this; every member states its sentence
    def __new__(cls, value: str, sentence: str = "") -> Self:
        word = str.__new__(cls, value)
        word._value_ = value
        word.sentence = sentence
        return word


class Phase(Word):
    """Where a device's update stands (PROTOCOL 6)."""

    SETTLED = "settled", "nothing is under way"
    WAITING = "waiting", "a new target waits for its time"
    FETCHING = "fetching", "what the target needs is being fetched"
    STAGING = "staging", "the target is being checked and laid ready"
    SWITCHING = "switching", "the target is being put in force"
    PROVING = "proving", "the target runs and must prove itself"
    REVERTING = "reverting", "the device goes back to what last proved itself"


class WaitingFor(Word):
    """What a waiting device waits for (PROTOCOL 6)."""

    WINDOW = "window", "its maintenance window is closed"
    SPREAD = "spread", "its own delay within the spread is not over"
    TURN = "turn", "the fleet has not given it its turn yet"
    LOCK = "lock", "an application holds the update lock"
    DISK = "disk", "the disk has too little room"
    CLOCK = "clock", "its clock is not synchronised"
    LINK = "link", "it must be in session to begin"
    SETTLE = "settle", "it has just connected and lets orders settle"
    RETRY = "retry", "the next try is not due: a download failed, or a hook asked for time"


class Outcome(Word):
    """How a target ended on a device (PROTOCOL 6)."""

    COMMITTED = "committed", "it passed its gate"
    FAILED = "failed", "it was tried and did not hold"
    REJECTED = "rejected", "it was refused without a try"
    SUPERSEDED = "superseded", "a newer target took its place"
    INCONCLUSIVE = "inconclusive", "it could not be judged"


class Cause(Word):
    """Why a target failed, was rejected or stayed inconclusive."""

    FETCH = "fetch", "what it needs could not be fetched in time"
    DISK = "disk", "the disk could not take it"
    INVALID = "invalid", "its config does not pass validation"
    HASH = "hash", "its golden hash is not what the device computes"
    GATE = "gate", "it did not become healthy within its gate"
    SWITCH = "switch", "it could not be put in force"
    BOOT_LOOP = "boot_loop", "the agent started four times under it without settling"
    CUT_OFF = "cut_off", "under it the device could not reach its fleet"
    UNREACHED = "unreached", "the fleet could not be reached under it nor without it"
    POWER = "power", "the machine restarted four times while it was tried"
    BELOW_FLOOR = "below_floor", "its security number is below the floor"
    REVOKED = "revoked", "the trust document revokes it"
    OVERLAY_CLOSED = "overlay_closed", "the overlay sets a key that the release does not open"
    SIGNATURE = "signature", "no valid release signature"
    UNSUPPORTED = "unsupported", "it needs something that this agent does not know"
    MALFORMED = "malformed", "a field is missing or blank"
    BUNDLE = "bundle", "its bundle cannot be taken by this agent"
    HOOK = "hook", "a hook of this device did not end well"


class HookMoment(Word):
    """When a hook of a device runs."""

    BEFORE = "before", "before the config is put in force"
    AFTER = "after", "when it is in force"


class HookReason(Word):
    """Why a config is put in force, as a hook is told."""

    UPDATE = "update", "a release of the fleet's, or one chosen by hand"
    REVERT = "revert", "the release did not prove itself: what was committed runs again"
    REPAIR = "repair", "the live file was edited, and is written back"


class BundleFault(Word):
    """What is wrong with a bundle (`pyvorin_edge.packaging`)."""

    MANIFEST = "manifest", "its manifest cannot be read"
    DIGEST = "digest", "its manifest is not the one that was asked for"
    SIGNATURE = "signature", "its manifest is not signed by enough keys of the release role"
    PATH = "path", "a path in it is not safe on every device"
    CLASH = "clash", "two paths in it are one and the same on some file systems"
    LIMIT = "limit", "it is larger than a device takes"
    KIND = "kind", "something in it is neither a plain file nor a directory"
    EXTRA = "extra", "something in it is not listed in its manifest"
    MISSING = "missing", "a file that its manifest lists is not there"
    CONTENT = "content", "a file is not the one that was signed"
    MODE = "mode", "a file's permissions are not those that were signed"
    ARCHIVE = "archive", "its archive is not of the one form that devices take"
    CUT_SHORT = "cut_short", "its archive ends too early"
    OCCUPIED = "occupied", "the directory to unpack it into is not empty"
    KEY = "key", "the key cannot be used"


class Refusal(Word):
    """Why a device refused an order (PROTOCOL 5, rules 1, 2, 8)."""

    SIZE = "size", "larger than allowed"
    ENVELOPE = "envelope", "not a readable envelope"
    SIGNATURE = "signature", "not signed by enough keys of the role"
    TYPE = "type", "its payload type does not fit the topic"
    FLEET = "fleet", "it is for another fleet"
    ADDRESS = "address", "it is for another channel, device or digest"
    EPOCH = "epoch", "its epoch is not the trust document's"
    TIME = "time", "it is issued in the future"
    EXPIRED = "expired", "it has expired"
    TRUST_EXPIRED = "trust_expired", "the trust document has expired"
    EQUIVOCATION = "equivocation", "another order bears the same generation"
    MALFORMED = "malformed", "a required field is missing or blank"
    UNSUPPORTED = "unsupported", "it needs something that this agent does not know"
    REPLAYED = "replayed", "this request was seen before"
    RETAINED = "retained", "a request must not be retained"
    OTHER_BOOT = "other_boot", "the request is for an earlier start of this device"
    TRUST = "trust", "the trust document does not follow from the one in force"


class Clock(Word):
    """Whether a device's clock can be believed (PROTOCOL 5, rule 8)."""

    SYNCED = "synced", "the clock is synchronised"
    UNSYNCED = "unsynced", "the clock is not synchronised"


class Standing(Word):
    """Drift and lag together (PROTOCOL 7)."""

    IN_STEP = "in_step", "it runs what was applied, and that is golden"
    DRIFTED = "drifted", "its live config is not what was applied"
    LAGGING = "lagging", "what was applied is not golden yet"
    BOTH = "both", "edited, and behind as well"
    UNKNOWN = "unknown", "not known"


class DriftKind(Word):
    """Kinds of drift (PROTOCOL 7)."""

    EDITED = "edited", "the config file was edited"
    ENVIRONMENT = "environment", "a variable or secret outside the file changed"
    FOREIGN_RELEASE = "foreign_release", "it runs a release that the fleet did not order"


class LagKind(Word):
    """Kinds of lag (PROTOCOL 7)."""

    PENDING = "pending", "on its way"
    OVERDUE = "overdue", "late"
    FAILED = "failed", "tried without success"


class HealthStatus(Word):
    """A device's own word on its health (PROTOCOL 6, 8)."""

    HEALTHY = "healthy", "all is well"
    DEGRADED = "degraded", "it works, with something amiss"
    UNHEALTHY = "unhealthy", "it does not do its work"
    STARTING = "starting", "it is starting"
    STOPPING = "stopping", "it is stopping"
    UNKNOWN = "unknown", "not known"


class Connectivity(Word):
    """Whether a device can be heard (PROTOCOL 6)."""

    ONLINE = "online", "connected"
    OFFLINE = "offline", "it left, or its connection broke"
    LOST = "lost", "it fell silent without a word"
    NEVER_SEEN = "never_seen", "enrolled, but never heard"


class PresenceState(Word):
    """What a presence message says."""

    ONLINE = "online", "connected"
    OFFLINE = "offline", "gone"


class RuleKind(Word):
    """What a rule of a directive does (PROTOCOL 5)."""

    RELEASE = "release", "go to this release"
    ROLLBACK = "rollback", "go back to this release at once"


class DriftPolicy(Word):
    """What follows from drift (PROTOCOL 5, 7)."""

    ALERT = "alert", "raise an alert"
    REMEDIATE = "remediate", "write the applied config back"


class Verb(Word):
    """What a request asks of a device (PROTOCOL 5)."""

    REPORT = "report", "send a full report"
    SNAPSHOT = "snapshot", "send the redacted live config"
    LOGS = "logs", "send the last log lines"
    REMEDIATE = "remediate", "write the applied config over the live one"


class Happening(Word):
    """What a line of a device's own history is about."""

    ENROLLED = "enrolled", "its first start"
    STARTED = "started", "the agent started"
    TRUST = "trust", "a trust document was taken"
    DIRECTIVE = "directive", "a directive was accepted"
    ASSIGNMENT = "assignment", "an assignment was accepted"
    ORDERED = "ordered", "an update began"
    SWITCHING = "switching", "the update is put in force"
    REVERTING = "reverting", "it goes back to the last good one"
    RESULT = "result", "an update ended"
    BY_HAND = "by_hand", "someone at the device chose"
    DRIFT = "drift", "drift began"
    DRIFT_OVER = "drift_over", "drift ended"
    REFUSED = "refused", "an order was refused"
    ONLINE = "online", "in session with the fleet"
    OFFLINE = "offline", "the session with the fleet ended"
    LINK = "link", "where the fleet is changed"


class ResponseOutcome(Word):
    """How a request ended."""

    DONE = "done", "done"
    REFUSED = "refused", "refused"
    FAILED = "failed", "tried, without success"


class ConfigFormat(Word):
    """How a config is written."""

    TOML = "toml", "TOML 1.0"
    JSON = "json", "JSON"


class Role(Word):
    """Who may sign what (PROTOCOL 4)."""

    ROOT = "root", "signs trust documents"
    RELEASE = "release", "signs releases and bundles"
    DIRECTIVE = "directive", "signs directives, assignments and requests"


class Weekday(Word):
    """A day of a maintenance window."""

    MON = "mon", "Monday"
    TUE = "tue", "Tuesday"
    WED = "wed", "Wednesday"
    THU = "thu", "Thursday"
    FRI = "fri", "Friday"
    SAT = "sat", "Saturday"
    SUN = "sun", "Sunday"


class BreakerState(Word):
    """Whether the outbound queue sends just now."""

    CLOSED = "closed", "batches go out as they come"
    OPEN = "open", "the cloud failed or refused; nothing is sent until its time"
    HALF_OPEN = "half_open", "that time is over: one batch is tried"


class UploadFailure(Word):
    """Why an upload to the cloud failed, in kinds that a program can tell apart."""

    KEY = "key", "the cloud answered 401 or 403: the api_key is wrong, expired or not allowed"
    ADDRESS = "address", "the cloud answered that it has no such place, or not in this way"
    REFUSED = "refused", "the cloud refuses what was sent"
    BUSY = "busy", "the cloud asks to be left alone for a while"
    SERVER = "server", "the cloud answered 5xx, or no HTTP: it fails itself"
    TIMEOUT = "timeout", "no answer came in time"
    NETWORK = "network", "the cloud could not be reached"
    TLS = "tls", "the cloud's certificate is not trusted, or the two have no TLS in common"


class Aggregate(Word):
    """What a window says of the readings in it, by itself or in a rule's condition."""

    COUNT = "count", "how many readings are in the window"
    SUM = "sum", "their sum"
    MEAN = "mean", "their mean"
    MIN = "min", "the least of them"
    MAX = "max", "the greatest of them"
    STDDEV = "stddev", "their standard deviation, that of a sample; 0 for one reading"
    FIRST = "first", "the oldest of them"
    LAST = "last", "the newest of them"
    RATE = "rate", "change a second from the oldest to the newest; 0 for one reading"
    P50 = "p50", "their median"
    P95 = "p95", "the 95th percentile: the least one that 95 of 100 do not exceed"


class WindowMode(Word):
    """When a window lets readings go."""

    TUMBLING = "tumbling", "fill, speak, start empty again"
    SLIDING = "sliding", "the newest readings; the oldest goes when one comes"


class Severity(Word):
    """How bad it is that a rule holds; it sets how its events are queued."""

    INFO = "info", "worth knowing; queued as ANOMALY"
    WARNING = "warning", "worth a look; queued as ANOMALY"
    CRITICAL = "critical", "needs somebody now; queued as CRITICAL and sent at once"


class EventState(Word):
    """What an event says of its rule."""

    FIRED = "fired", "the rule's condition holds"
    CLEARED = "cleared", "it holds no longer"


class ItemKind(Word):
    """What the device queues for the cloud; policies tell them apart."""

    READING = "reading", "a sensor's own reading"
    DERIVED = "derived", "what a window made of readings"
    EVENT = "event", "a rule that fired or cleared"


class Drifting(Word):
    """How a simulated sensor leaves its base."""

    LINEAR = "linear", "per_hour more every hour"
    WALK = "walk", "at random; per_hour is the standard deviation after an hour"
    CYCLE = "cycle", "up and down by amplitude within period_seconds"
    SPIKE = "spike", "amplitude more in a share of the readings, probability"
    STEP = "step", "amplitude more from after_seconds on"
    STUCK = "stuck", "always the value of after_seconds, from then on"


class ParcelOutcome(Word):
    """What `pyv-edge-agent apply` answers to a parcel."""

    ACCEPTED = "accepted", "its orders are in force, or were before"
    LOWER = "lower", "its orders are not newer than those in force, or not for this device"
    REJECTED = "rejected", "it was refused: the detail says which order, and why"
    OTHER_DEVICE = "other_device", "this is not the device that was meant: nothing was taken"
    NOT_KEPT = "not_kept", "the disk did not take it"
    REHEARSED = "rehearsed", "nothing was taken: it says what would come of it"


class Would(Word):
    """What would come of a parcel."""

    NOTHING = "nothing", "it would change nothing"
    UPDATE = "update", "the device would begin an update"
    REFUSE = "refuse", "the device would not take it, or not obey it"
