"""The words of alerts; core/words.py has them too, with all others."""

from __future__ import annotations

from typing import Final

from pyvorin_edge.vocabulary import Word


class Severity(Word):
    """How grave an alert is."""

    INFO = "info", "worth knowing"
    WARNING = "warning", "somebody should look today"
    CRITICAL = "critical", "somebody should look now"


class DeviceCondition(Word):
    """States of a device that an alert rule can watch."""

    UNREACHABLE = "unreachable", "it is offline or lost"
    OFFLINE = "offline", "it left, or its connection broke"
    LOST = "lost", "it fell silent without a word"
    UNHEALTHY = "unhealthy", "it calls itself unhealthy"
    DEGRADED = "degraded", "it calls itself degraded or unhealthy"
    DRIFTED = "drifted", "its live config is not what was applied to it"
    OVERDUE = "overdue", "its update is late"
    UPDATE_FAILED = "update_failed", "it tried what is ordered, without success"

    @property
    def of_the_connection(self) -> bool:
        """Whether the controller itself says so; all else is the device's own word."""
        return self in (DeviceCondition.UNREACHABLE, DeviceCondition.OFFLINE, DeviceCondition.LOST)


class HoldState(Word):
    """Where one device, or one label value, stands under an alert rule."""

    PENDING = "pending", "its condition holds, not for long enough yet"
    FIRING = "firing", "its alert is raised"
    CLEARING = "clearing", "its alert is raised; the condition is over, not for long enough yet"
    COVERED = "covered", "its condition holds, and one alert for its group says so"


class Diagnosis(Word):
    """What is behind a deep queue."""

    API_KEY = "api_key", "the cloud does not take its API key: wrong, expired or not allowed"
    NETWORK = "network_partition", "it does not reach the cloud: a network partition, or a firewall"
    TLS = "tls", "it does not trust the cloud's certificate, or its clock is wrong"
    CLOUD = "cloud_side", "the cloud itself fails: nothing is wrong on the device"
    CLOUD_BUSY = "cloud_busy", "the cloud asks it to wait: too many requests"
    ENDPOINT = "endpoint", "the cloud does not know the address: look at cloud.endpoint"
    ITEMS = "items_refused", "the cloud refuses what it sends: look at its dead letters"
    SLOW = "too_slow", "its uploads go through, and more comes in than goes out"
    UNKNOWN = "unknown", "it does not tell why its uploads fail"


class DeliveryState(Word):
    """Where a notification for one sink stands."""

    WAITING = "waiting", "it is on its way, or waits for its next try"
    SENT = "sent", "the sink took it"
    DEAD = "dead", "it was given up: the sink refused it, or took nothing for too long"


class AlertState(Word):
    """Where an alert stands."""

    FIRING = "firing", "it holds"
    RESOLVED = "resolved", "it no longer holds"


class AlertName(Word):
    """The controller's own alerts; the article's devices may send others."""

    CONFIG_DRIFT = "config_drift", "a live config is not what was applied"
    HEALING_STOPPED = "healing_stopped", "a drift is not healed though the policy says so: something changes it again"
    CLONE_OR_RESTORED = "clone_or_restored", "two devices speak under one id, or a card was restored"
    FOREIGN_DIRECTIVE = "foreign_directive", "a valid directive was found that this controller did not issue"
    ENROLMENT_REFUSED = "enrolment_refused", "somebody tried to enrol as a device that he is not"
    TRUST_EXPIRING = "trust_expiring", "the trust document ends soon: sign the next one"
    BROKER = "broker", "something befell the broker"
    ROLLOUT_STOPPED = "rollout_stopped", "a rollout needs a person"
    EMERGENCY = "emergency", "a release went out without a canary, by an admin's word"
    STORE_BEHIND = "store_behind", "the store is older than what the broker or the devices hold: was a backup restored?"
    GROUP_STOPPED = "group_stopped", "a group's values stopped at a member that did not take them"
    UNDELIVERED = "notifications_undelivered", "a sink takes no notifications: nobody is told by it"

    @property
    def severity(self) -> Severity:
        """How grave it is."""
        return _GRAVE.get(self, Severity.WARNING)

    @property
    def ends_when_seen(self) -> bool:
        """Whether it tells of something that happened, and ends when a person acknowledges it."""
        return self in _HAPPENED


_GRAVE: Final = {
    AlertName.FOREIGN_DIRECTIVE: Severity.CRITICAL,
    AlertName.CLONE_OR_RESTORED: Severity.CRITICAL,
    AlertName.EMERGENCY: Severity.CRITICAL,
    AlertName.STORE_BEHIND: Severity.CRITICAL,
    AlertName.BROKER: Severity.CRITICAL,
}
_HAPPENED: Final = frozenset(
    {
        AlertName.CLONE_OR_RESTORED,
        AlertName.FOREIGN_DIRECTIVE,
        AlertName.ENROLMENT_REFUSED,
        AlertName.BROKER,
        AlertName.EMERGENCY,
    }
)
