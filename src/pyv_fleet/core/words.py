"""The controller's own closed sets of words, each with the sentence that a person reads."""

from __future__ import annotations

from pyv_fleet.core.alert_words import AlertName as AlertName
from pyv_fleet.core.alert_words import AlertState as AlertState
from pyv_fleet.core.alert_words import DeliveryState as DeliveryState
from pyv_fleet.core.alert_words import DeviceCondition as DeviceCondition
from pyv_fleet.core.alert_words import Diagnosis as Diagnosis
from pyv_fleet.core.alert_words import HoldState as HoldState
from pyv_fleet.core.alert_words import Severity as Severity
from pyvorin_edge.vocabulary import Word


class RolloutState(Word):
    """Where a rollout stands."""

    READY = "ready", "it is made and not started"
    WAITING = "waiting", "its next wave may not open yet"
    ROLLING = "rolling", "a wave is under way"
    PAUSED = "paused", "it holds where it is"
    REVERTING = "reverting", "its devices go back to the baseline"
    REVERTED = "reverted", "its devices are back on the baseline"
    ABORTED = "aborted", "it ended where it was"
    COMPLETED = "completed", "every wave was good"
    SUPERSEDED = "superseded", "a newer order took its place"


class RolloutAct(Word):
    """What a person can do with a rollout."""

    START = "start", "let one begin that was made to be held"
    APPROVE = "approve", "let it go on to the wave that is next"
    PAUSE = "pause", "hold it where it is"
    RESUME = "resume", "let it go on where it stood"
    PROMOTE = "promote", "go on without waiting for this wave's verdict; no proof of the canary"
    RETRY = "retry", "let the devices that failed try again"
    SKIP = "skip", "take devices out of the judgement"
    ABORT = "abort", "end it: its devices go back, or stay"

    @property
    def past(self) -> str:
        """What somebody did."""
        return {"retry": "retried", "skip": "skipped devices of"}.get(self.value, f"{self.value.removesuffix('e')}ed")


class OnBad(Word):
    """What a rollout does when a wave is bad."""

    REVERT = "revert", "its devices go back to the baseline"
    PAUSE = "pause", "it holds, and a person decides"


class OnAbort(Word):
    """What a rollout does when it is aborted."""

    REVERT = "revert", "its devices go back to the baseline"
    STAY = "stay", "it ends, and who has the release keeps it"


class WaveState(Word):
    """Where a wave stands."""

    PENDING = "pending", "not begun"
    APPLYING = "applying", "its devices take the release"
    SOAKING = "soaking", "all took it; the soak time runs"
    JUDGED = "judged", "its verdict is given"


class Verdict(Word):
    """How a wave is judged; joined by worst-of in this order."""

    GOOD = "good", "it may go on"
    INCONCLUSIVE = "inconclusive", "it cannot be judged: a person must look"
    BAD = "bad", "it must go back"


class MemberStanding(Word):
    """Where a device stands in the wave that it is judged in."""

    APPLYING = "applying", "it has not taken the release yet"
    WAITING = "waiting", "it waits for its maintenance window or its turn"
    RETRYING = "retrying", "it could not fetch the release yet and tries again"
    COMMITTED = "committed", "it took the release"
    FAILED = "failed", "it refused the release, or could not take it"
    REVERTED = "reverted", "it had the release in force and went back by itself"
    UNHEALTHY = "unhealthy", "it took the release and became unhealthy"
    LOST = "lost", "it fell silent after the wave began"
    DEFERRED = "deferred", "it was offline when the wave began"
    SKIPPED = "skipped", "a person took it out of the judgement"


class TurnFate(Word):
    """What becomes of a device's turn."""

    KEPT = "kept", "it is at work, or may begin at any moment: it counts"
    TAKEN_BACK = "taken_back", "it cannot use it now; it counts until it says that it heard so"
    USED = "used", "it runs what its turn was for"
    ENDED = "ended", "it heard that its turn is over"
    FORGOTTEN = "forgotten", "nothing was heard of it for too long: it keeps nobody waiting any more"


class Measure(Word):
    """What a wave and its control are compared on."""

    HEALTH = "health", "how many devices are unhealthy, and for how long"
    CPU = "cpu", "processor use in percent, against the device's own before the wave"
    MEMORY = "memory", "memory in use in percent, against the device's own before the wave"
    QUEUE = "queue", "items that wait in the outbound queue, against the device's own before the wave"
    ERRORS = "errors", "what the agent's own counters of refused, dropped, lost and undecided things rose by"
    RESTARTS = "restarts", "how often the agent started anew"
    REVERTS = "reverts", "how many devices went back to their release by themselves"


class Worse(Word):
    """In which direction a figure is worse."""

    HIGHER = "higher", "more of it is worse"
    LOWER = "lower", "less of it is worse"


class RollbackState(Word):
    """Where a rollback stands."""

    RUNNING = "running", "devices that were online when it was ordered are waited for"
    STANDING = "standing", "who was online is back or came to another end; who was not meets the order on its return"
    COMPLETED = "completed", "every device is back"
    SUPERSEDED = "superseded", "a newer order took its place"


class ReturnStanding(Word):
    """Where a device stands in a rollback."""

    BACK = "back", "it runs the target, and said so under this order"
    MOVING = "moving", "it heard the order and is on its way"
    UNHEARD = "unheard", "it never said that it heard the order"
    FAILED = "failed", "it tried the target and could not take it, or refused it"
    OFFLINE = "offline", "its connection ended after the order"
    LOST = "lost", "it fell silent after the order"
    AWAY = "away", "it was not online when the order came: it meets it on its return"
    PINNED = "pinned", "its own pin stands before the order"
    QUARANTINED = "quarantined", "it is quarantined: no order reaches it"
    ELSEWHERE = "elsewhere", "another order holds for it now"

    @property
    def waited_for(self) -> bool:
        """Whether one that has not acknowledged may still, and soon; who said that it is back, until that is stored."""
        return self in (
            ReturnStanding.BACK, ReturnStanding.MOVING, ReturnStanding.UNHEARD, ReturnStanding.OFFLINE
        )  # fmt: skip


class GroupState(Word):
    """How far a group's values have come."""

    SETTLED = "settled", "every member has its values"
    STEPPING = "stepping", "its members get them, step by step"
    STOPPED = "stopped", "a member did not take them: a person must look"


class PollFailure(Word):
    """Why a device's `/health` could not be read (PROTOCOL 9): each kind keeps its own name."""

    REFUSED = "refused", "nothing listens at its address"
    TIMEOUT = "timeout", "it did not answer in time"
    NETWORK = "network", "its address cannot be reached"
    PROTOCOL = "protocol", "what it answers is no HTTP"
    STATUS = "status", "it answers with another status than 200"
    SIZE = "size", "its answer is too large"
    JSON = "json", "its answer is no JSON"
    FIELD = "field", "a field that is required is missing or of the wrong type"


class PollOutcome(Word):
    """How a poll of a device's `/health` went: answered, or one of PollFailure's names."""

    ANSWERED = "answered", "it answers"
    REFUSED = PollFailure.REFUSED.value, PollFailure.REFUSED.sentence
    TIMEOUT = PollFailure.TIMEOUT.value, PollFailure.TIMEOUT.sentence
    NETWORK = PollFailure.NETWORK.value, PollFailure.NETWORK.sentence
    PROTOCOL = PollFailure.PROTOCOL.value, PollFailure.PROTOCOL.sentence
    STATUS = PollFailure.STATUS.value, PollFailure.STATUS.sentence
    SIZE = PollFailure.SIZE.value, PollFailure.SIZE.sentence
    JSON = PollFailure.JSON.value, PollFailure.JSON.sentence
    FIELD = PollFailure.FIELD.value, PollFailure.FIELD.sentence


class AdoptWay(Word):
    """How a key path of a device's own change can become the fleet's."""

    OWN = "own", "the release opens it: it becomes a value of the device's own"
    RELEASE = "release", "the release does not open it: it needs a new release"
    REFUSED = "refused", "it cannot be taken over"


class ActOutcome(Word):
    """What became of an act on one device."""

    REMEDIATED = "remediated", "its applied config was written back"
    UNCHANGED = "unchanged", "there was nothing to do"
    REFUSED = "refused", "it refused"
    FAILED = "failed", "it was tried, without success"

    @property
    def good(self) -> bool:
        """Whether nothing is left to do."""
        return self in (ActOutcome.REMEDIATED, ActOutcome.UNCHANGED)


class AuthScope(Word):
    """What a token of a person or program may do."""

    INGEST = "ingest", "send telemetry, nothing else"
    READ = "read", "look"
    OPERATE = "operate", "release, roll out, roll back, remediate"
    ADMIN = "admin", "all, tokens and trust included"


class SealFault(Word):
    """What is wrong with a form that was sent to the page."""

    FOREIGN = "foreign", "this form was not made for you on this page: open it anew and send that"
    SPENT = "spent", "this form was sent already, and what it asked for was done or refused then"


class EnrolRefusal(Word):
    """Why a device is not enrolled (PROTOCOL 2)."""

    EXPIRED = "expired", "the token's time is over"
    USED_UP = "used_up", "the token was used as often as it may be"
    OTHER_DEVICE = "other_device", "the token is bound to another device id"
    OTHER_KEY = "other_key", "the id is enrolled with another key: only a token bound to this id may replace it"
    QUARANTINED = "quarantined", "the device is quarantined: lift that first"


class Hearing(Word):
    """What becomes of a device's word (PROTOCOL 6)."""

    TAKEN = "taken", "it is newer than what was known"
    LATE = "late", "it is old, or it was heard before"
    SET_ASIDE = "set_aside", "two devices speak under one id: a clone, or a card that was restored"
    UNKNOWN_BOOT = "unknown_boot", "it is of a start that made no report yet"


class CatchUp(Word):
    """How far a controller that started has caught up with its fleet: it orders nothing before it has."""

    BROKER = "broker", "it waits for the broker: what that holds must be known before anything is ordered"
    HEARING = "hearing", "it has read the broker and hears what its devices hold"
    DONE = "done", "it knows what stands, and may order"


class Happening(Word):
    """What a line of a history tells of."""

    CONNECTION = "connection", "whether it is there"
    START = "start", "the agent started"
    AGENT = "agent", "its agent is of another version"
    ASSIGNMENT = "assignment", "it accepted an order of its own"
    ORDER = "order", "it accepted an order of its channel"
    REFUSED = "refused", "it refused an order"
    PHASE = "phase", "where its update stands"
    RESULT = "result", "how an update ended"
    RELEASE = "release", "it runs another release"
    DRIFT = "drift", "how its live config stands to what was applied and to golden"
    HEALTH = "health", "its health"
    ALERT = "alert", "an alert began, or ended"
    ACT = "act", "somebody did something with it"
    DIRECTIVE = "directive", "the channel was ordered something"
    ROLLOUT = "rollout", "a rollout of the channel took a step"


class HostState(Word):
    """What became of a push to one host."""

    COMMITTED = "committed", "the device says that it runs what was ordered, with the hash and the start that it names"
    UNCHANGED = "unchanged", "the device ran what was ordered before already"
    DIFFERENT = "different", "the orders would change something (--check)"
    KEPT = "kept", "the orders are durable there and obeyed later: no agent runs, or it waits for its time"
    REJECTED = "rejected", "the device did not take the orders"
    FAILED = "failed", "the device took the orders and does not run what they say"
    DISK_FULL = "disk_full", "the device's disk has no room for them"
    TIMED_OUT = "timed_out", "the device did not settle in time; it goes on by itself"
    DISCONNECTED = "disconnected", "the connection broke after the orders were sent; the device may have taken them"
    UNREACHABLE = "unreachable", "no SSH session could be had: nothing was sent"
    REFUSED_KEY = "refused_key", "its host key is not the one that is known: nothing was sent"
    SKIPPED = "skipped", "the push stopped before its turn: nothing was sent"

    @property
    def good(self) -> bool:
        """Whether nothing is left to do there: a resumed push leaves it alone."""
        return self in (HostState.COMMITTED, HostState.UNCHANGED)

    @property
    def speaks_against_the_release(self) -> bool:
        """Whether more of these stop a push; that a host cannot be reached says nothing of what it was to get."""
        return self in (HostState.REJECTED, HostState.FAILED, HostState.TIMED_OUT, HostState.DISCONNECTED)


class InventoryKind(Word):
    """How a list of hosts is written."""

    TOML = "toml", "our own: [defaults] and [[host]]"
    ANSIBLE_INI = "ansible-ini", "an Ansible inventory in INI form"
    ANSIBLE_YAML = "ansible-yaml", "an Ansible inventory in YAML form"
    SSH_CONFIG = "ssh-config", "the hosts that an OpenSSH client config names"


class PushStage(Word):
    """Where a push stands."""

    CANARY = "canary", "the first hosts alone"
    SOAK = "soak", "they took it, and must stay well for a while"
    REST = "rest", "the other hosts, a few at a time"
    ENDED = "ended", "nothing more is begun"


class DocumentKind(Word):
    """What a document in a file declares; in the order in which they are applied."""

    POLICY = "Policy", "how releases reach a channel"
    CHANNEL = "Channel", "a channel's standing terms"
    GROUP = "Group", "devices that share labels and values"
    ROLLOUT = "Rollout", "a channel's move to a release, made once"


class DocumentAct(Word):
    """What becomes of a document that is applied, compared or deleted."""

    CREATED = "created", "it was not there"
    CHANGED = "changed", "another content stood there"
    UNCHANGED = "unchanged", "it stands as it is declared"
    DELETED = "deleted", "it was there, and is gone or goes"
    ABSENT = "absent", "there is nothing of that name"
    FAILED = "failed", "the controller refused it"
    NOT_REACHED = "not_reached", "one before it failed: nothing was done"
