"""What the API says and takes: one struct an answer or a body. API, client, CLI and page share them; times RFC 3339."""

from pyv_fleet.core.policy import Budgets
from pyv_fleet.core.views.alerts import (
    AlertRuleBody,
    AlertRuleView,
    AlertVerb,
    AlertView,
    SilenceSpec,
    SilenceVerb,
    SilenceView,
    SinkTested,
    SinkView,
)
from pyv_fleet.core.views.analysis import AnalysisView, MeasureView
from pyv_fleet.core.views.assignments import AssignmentView, DevicePatch, DeviceVerb, PinBody, PinView
from pyv_fleet.core.views.channels import ChannelBody, ChannelVerb, ChannelView, RuleView
from pyv_fleet.core.views.devices import (
    DeviceDrift,
    DeviceOutcome,
    DeviceView,
    DriftDiff,
    DriftView,
    RemediateBody,
    ResultView,
)
from pyv_fleet.core.views.fleet import AttentionView, FleetStatus, FleetView, SnapshotDevice, SnapshotView
from pyv_fleet.core.views.groups import GroupBody, GroupMemberView, GroupSpec, GroupVerb, GroupView
from pyv_fleet.core.views.history import HistoryPage, HistoryView
from pyv_fleet.core.views.page import Page, Problem, Reason
from pyv_fleet.core.views.parcels import ParcelOrder
from pyv_fleet.core.views.policies import PolicyView
from pyv_fleet.core.views.records import AuditCheck, AuditView
from pyv_fleet.core.views.releases import (
    PromoteBody,
    ReleaseUpload,
    ReleaseView,
    YankBody,
    YankedView,
    YankView,
)
from pyv_fleet.core.views.rollbacks import (
    RollbackAcks,
    RollbackChannel,
    RollbackDevice,
    RollbackReport,
    RollbackSpec,
    RollbackView,
)
from pyv_fleet.core.views.rollouts import (
    CheckView,
    DiffView,
    PlanView,
    PlanWaveView,
    RolloutName,
    RolloutSpec,
    RolloutTerms,
    RolloutVerb,
    RolloutView,
    WaveView,
)
from pyv_fleet.core.views.tokens import TokenMade, TokenSpec

__all__ = [
    "AlertRuleBody",
    "AlertRuleView",
    "AlertVerb",
    "AlertView",
    "AnalysisView",
    "AssignmentView",
    "AttentionView",
    "AuditCheck",
    "AuditView",
    "Budgets",
    "ChannelBody",
    "ChannelVerb",
    "ChannelView",
    "CheckView",
    "DeviceDrift",
    "DeviceOutcome",
    "DevicePatch",
    "DeviceVerb",
    "DeviceView",
    "DiffView",
    "DriftDiff",
    "DriftView",
    "FleetStatus",
    "FleetView",
    "GroupBody",
    "GroupMemberView",
    "GroupSpec",
    "GroupVerb",
    "GroupView",
    "HistoryPage",
    "HistoryView",
    "MeasureView",
    "Page",
    "ParcelOrder",
    "PinBody",
    "PinView",
    "PlanView",
    "PlanWaveView",
    "PolicyView",
    "Problem",
    "PromoteBody",
    "Reason",
    "ReleaseUpload",
    "ReleaseView",
    "RemediateBody",
    "ResultView",
    "RollbackAcks",
    "RollbackChannel",
    "RollbackDevice",
    "RollbackReport",
    "RollbackSpec",
    "RollbackView",
    "RolloutName",
    "RolloutSpec",
    "RolloutTerms",
    "RolloutVerb",
    "RolloutView",
    "RuleView",
    "SilenceSpec",
    "SilenceVerb",
    "SilenceView",
    "SinkTested",
    "SinkView",
    "SnapshotDevice",
    "SnapshotView",
    "TokenMade",
    "TokenSpec",
    "WaveView",
    "YankBody",
    "YankView",
    "YankedView",
]
