"""The typed API client that the CLI and users' programs use: sync; a mixin a noun, one transport below them all."""

from pyv_fleet.client.alerts import Alerts
from pyv_fleet.client.channels import Channels
from pyv_fleet.client.context import CONTEXT_FILE, Context, read_context
from pyv_fleet.client.devices import Devices
from pyv_fleet.client.drift import Drift
from pyv_fleet.client.errors import (
    ClientError,
    Conflict,
    NoContext,
    NotAllowed,
    NotFound,
    NotReached,
    Refused,
    TimedOut,
    error_of,
)
from pyv_fleet.client.fleet import Fleet
from pyv_fleet.client.groups import Groups
from pyv_fleet.client.history import Histories
from pyv_fleet.client.parcels import Parcels
from pyv_fleet.client.policies import Policies
from pyv_fleet.client.records import Records
from pyv_fleet.client.releases import Releases
from pyv_fleet.client.rollbacks import Rollbacks
from pyv_fleet.client.rollouts import Rollouts
from pyv_fleet.client.trust import Trust


class FleetClient(
    Fleet,
    Devices,
    Drift,
    Groups,
    Releases,
    Channels,
    Policies,
    Rollouts,
    Rollbacks,
    Trust,
    Alerts,
    Records,
    Parcels,
    Histories,
):
    """One controller, as one token sees it. Every method is one call and returns the API's own structs."""


__all__ = [
    "CONTEXT_FILE",
    "ClientError",
    "Conflict",
    "Context",
    "FleetClient",
    "NoContext",
    "NotAllowed",
    "NotFound",
    "NotReached",
    "Refused",
    "TimedOut",
    "error_of",
    "read_context",
]
