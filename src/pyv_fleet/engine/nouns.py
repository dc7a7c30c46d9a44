"""The engine's parts that faces ask themselves, each a noun: what is new of one is added there, not to the desk."""

from __future__ import annotations

from pyv_fleet.engine.alert_rules import AlertRules
from pyv_fleet.engine.alerting import Alerting
from pyv_fleet.engine.answers import Answers
from pyv_fleet.engine.assignments import Assignments
from pyv_fleet.engine.audit import AuditLog
from pyv_fleet.engine.bundles import Bundles
from pyv_fleet.engine.catching_up import CatchingUp
from pyv_fleet.engine.deliveries import Deliveries
from pyv_fleet.engine.drift import Drift
from pyv_fleet.engine.groups import Groups
from pyv_fleet.engine.history import History
from pyv_fleet.engine.page_sessions import PageSessions
from pyv_fleet.engine.parcels import Parcels
from pyv_fleet.engine.parts import Parts
from pyv_fleet.engine.policies import Policies
from pyv_fleet.engine.promotions import Promotions
from pyv_fleet.engine.quarantine import Quarantine
from pyv_fleet.engine.rollback import Rollbacks
from pyv_fleet.engine.silences import Silences
from pyv_fleet.engine.yanks import Yanks


class Nouns:
    """What the desk hands out as it is."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts

    @property
    def answers(self) -> Answers:
        """What was answered to acts that bore an Idempotency-Key."""
        return self._parts.answers

    @property
    def bundles(self) -> Bundles:
        """Bundles, up and down."""
        return self._parts.bundles

    @property
    def parcels(self) -> Parcels:
        """The orders in force, packed."""
        return self._parts.parcels

    @property
    def assignments(self) -> Assignments:
        """What each device is told for itself."""
        return self._parts.assignments

    @property
    def groups(self) -> Groups:
        """Devices that share labels and values."""
        return self._parts.groups

    @property
    def quarantine(self) -> Quarantine:
        """Who is shut out."""
        return self._parts.quarantine

    @property
    def alerting(self) -> Alerting:
        """Alerts."""
        return self._parts.alerting

    @property
    def alert_rules(self) -> AlertRules:
        """What is an alert."""
        return self._parts.alert_rules

    @property
    def silences(self) -> Silences:
        """What is told to nobody for a while."""
        return self._parts.silences

    @property
    def deliveries(self) -> Deliveries:
        """Who is told of alerts."""
        return self._parts.deliveries

    @property
    def drifts(self) -> Drift:
        """Drift and lag: in sums, ignored, adopted."""
        return self._parts.drift

    @property
    def policies(self) -> Policies:
        """Policies: how releases reach a channel."""
        return self._parts.policies

    @property
    def catching_up(self) -> CatchingUp:
        """How far a controller that started knows what its fleet holds."""
        return self._parts.catching_up

    @property
    def yanks(self) -> Yanks:
        """Releases withdrawn."""
        return self._parts.yanks

    @property
    def promotions(self) -> Promotions:
        """What one channel proved, rolled out on another."""
        return self._parts.promotions

    @property
    def rollbacks(self) -> Rollbacks:
        """Rollbacks: ordered, followed, told of."""
        return self._parts.rollbacks

    @property
    def history(self) -> History:
        """What devices and channels went through."""
        return self._parts.history

    @property
    def page_sessions(self) -> PageSessions:
        """Who is signed in on the page."""
        return self._parts.page_sessions

    @property
    def audit_log(self) -> AuditLog:
        """Who did what."""
        return self._parts.audit
