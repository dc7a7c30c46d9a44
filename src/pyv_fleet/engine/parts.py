"""What the desk asks: every part of the engine that people, programs or devices have to do with."""

from __future__ import annotations

from dataclasses import dataclass

from pyv_fleet.engine.alert_rules import AlertRules
from pyv_fleet.engine.alerting import Alerting
from pyv_fleet.engine.answers import Answers
from pyv_fleet.engine.article import ArticleHttp
from pyv_fleet.engine.assignments import Assignments
from pyv_fleet.engine.audit import AuditLog
from pyv_fleet.engine.bundles import Bundles
from pyv_fleet.engine.catching_up import CatchingUp
from pyv_fleet.engine.channels import Channels
from pyv_fleet.engine.deliveries import Deliveries
from pyv_fleet.engine.desired import DesiredOrders
from pyv_fleet.engine.devices import Devices
from pyv_fleet.engine.drift import Drift
from pyv_fleet.engine.enrolment import Enrolment
from pyv_fleet.engine.ground import Ground
from pyv_fleet.engine.groups import Groups
from pyv_fleet.engine.history import History
from pyv_fleet.engine.intake import Intake
from pyv_fleet.engine.interface import ReleaseDesk, RolloutDesk
from pyv_fleet.engine.page_sessions import PageSessions
from pyv_fleet.engine.parcels import Parcels
from pyv_fleet.engine.policies import Policies
from pyv_fleet.engine.promotions import Promotions
from pyv_fleet.engine.quarantine import Quarantine
from pyv_fleet.engine.requests import Requests
from pyv_fleet.engine.revocation import Revocation
from pyv_fleet.engine.rollback import Rollbacks
from pyv_fleet.engine.silences import Silences
from pyv_fleet.engine.telemetry import Telemetry
from pyv_fleet.engine.tokens import Tokens
from pyv_fleet.engine.trust_chain import TrustChain
from pyv_fleet.engine.yanks import Yanks


@dataclass(frozen=True)
class Addresses:
    """Where this controller is found, for people."""

    broker: str
    api: str


@dataclass(frozen=True)
class Parts:
    """The engine's parts that the desk asks."""

    ground: Ground
    trust: TrustChain
    alerting: Alerting
    alert_rules: AlertRules
    silences: Silences
    deliveries: Deliveries
    audit: AuditLog
    intake: Intake
    devices: Devices
    assignments: Assignments
    quarantine: Quarantine
    groups: Groups
    drift: Drift
    policies: Policies
    channels: Channels
    tokens: Tokens
    page_sessions: PageSessions
    enrolment: Enrolment
    revocation: Revocation
    requests: Requests
    telemetry: Telemetry
    article: ArticleHttp
    releases: ReleaseDesk
    bundles: Bundles
    rollouts: RolloutDesk
    rollbacks: Rollbacks
    answers: Answers
    desired: DesiredOrders
    parcels: Parcels
    catching_up: CatchingUp
    yanks: Yanks
    promotions: Promotions
    history: History
