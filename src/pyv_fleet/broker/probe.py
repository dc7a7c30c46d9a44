"""Does the broker still refuse what it must? After a SIGHUP nothing else can tell: it fails open (PROTOCOL 10).

Two facts are proved, each with a control that would show if the test itself were blind:
1. what the probe publishes where no device may does not arrive, while the controller's own message behind it does;
2. the canary's certificate, which is on the CRL, is refused, while the probe's, which is not, got in.

The order matters: mosquitto reads its files again at the end of the round of its loop in which the signal came, so a
connection of that very round would still be judged by the old ones. The controller's session, which comes first and
needs several rounds, makes sure that the rest is judged by the new ones.
"""

from __future__ import annotations

import secrets
from contextlib import suppress

from pyv_fleet.broker.acl import PROBE_TOPIC
from pyv_fleet.broker.interface import BrokerUnsafe
from pyv_fleet.broker.session import Refused, opened
from pyv_fleet.broker.settings import BrokerSettings

FORBIDDEN = b"forbidden"
MARKER = b"marker"


async def prove_closed(settings: BrokerSettings) -> None:
    """Return if the broker is proved closed; BrokerUnsafe with the reason if it is open or nothing could be proved."""
    try:
        await _forbidden_publish_is_lost(settings)
        await _canary_is_refused(settings)
    except Refused as why:
        raise BrokerUnsafe(f"the broker refuses good certificates ({why}): is the CRL expired?") from None
    except TimeoutError:
        raise BrokerUnsafe("the broker does not answer the probe") from None


async def _canary_is_refused(settings: BrokerSettings) -> None:
    tls = settings.tls
    try:
        async with opened(settings.devices, tls.canary, tls.server_ca, "canary"):
            pass
    except Refused:
        return
    raise BrokerUnsafe("a revoked certificate was let in: the CRL is not in force; write a good one and reload")


async def _forbidden_publish_is_lost(settings: BrokerSettings) -> None:
    tls = settings.tls
    topic = f"{PROBE_TOPIC}/{secrets.token_hex(8)}"
    async with opened(settings.controller, tls.controller, tls.server_ca, f"@probe-{secrets.token_hex(4)}") as eye:
        await eye.subscribe(topic)
        async with opened(settings.devices, tls.probe, tls.server_ca, "probe") as device:
            with suppress(Refused):  # a denied publish cuts the connection; only what arrives counts
                await device.publish(topic, FORBIDDEN)
        await eye.publish(topic, MARKER)
        if (await eye.next_message()).payload != MARKER:
            raise BrokerUnsafe("a forbidden publish arrived: the ACL is not in force; write a good one and reload")
