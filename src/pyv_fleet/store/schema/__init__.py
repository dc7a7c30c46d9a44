"""All tables, for SQLite and PostgreSQL alike. Times are Unix milliseconds, digests lower-case hex.

What the fleet is told (devices, channels, directives) stands apart from what it says of itself (device_status), so that
reports and orders never write the same row.
"""

from pyv_fleet.store.schema.alerts import (
    alert_groups,
    alert_holds,
    alert_outages,
    alert_rules,
    alerts,
    notifications,
    silences,
)
from pyv_fleet.store.schema.devices import certificates, device_labels, device_status, devices, ingest_batches, requests
from pyv_fleet.store.schema.fleet import api_tokens, fleet, idempotency, tokens, trust_documents
from pyv_fleet.store.schema.groups import group_members, groups
from pyv_fleet.store.schema.history import history
from pyv_fleet.store.schema.naming import Sequence, metadata
from pyv_fleet.store.schema.orders import blobs, channels, directives, golden_hashes, policies, releases
from pyv_fleet.store.schema.records import audit
from pyv_fleet.store.schema.rollouts import compared_devices, rollback_acks, rollbacks, rollouts, wave_members, waves

__all__ = [
    "Sequence",
    "alert_groups",
    "alert_holds",
    "alert_outages",
    "alert_rules",
    "alerts",
    "api_tokens",
    "audit",
    "blobs",
    "certificates",
    "channels",
    "compared_devices",
    "device_labels",
    "device_status",
    "devices",
    "directives",
    "fleet",
    "golden_hashes",
    "group_members",
    "groups",
    "history",
    "idempotency",
    "ingest_batches",
    "metadata",
    "notifications",
    "policies",
    "releases",
    "requests",
    "rollback_acks",
    "rollbacks",
    "rollouts",
    "silences",
    "tokens",
    "trust_documents",
    "wave_members",
    "waves",
]
