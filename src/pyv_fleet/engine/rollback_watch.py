"""Who comes back, kept at hand while a rollback is open: a fleet's acknowledgements must not each ask the store."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import msgspec

from pyv_fleet.core.rollback import Goal, Said, Standing, standing_of
from pyv_fleet.core.views import RollbackView
from pyv_fleet.core.words import ReturnStanding
from pyv_fleet.engine.rollback_views import view_of
from pyv_fleet.store.rollbacks import AckRecord, RollbackRecord
from pyv_fleet.store.status import Known

ELSEWHERE = ReturnStanding.ELSEWHERE


class Following:
    """One open rollback."""

    def __init__(self, record: RollbackRecord, acks: Iterable[AckRecord], said: dict[str, Said]) -> None:
        self.record = record
        self.acks = {ack.device_id: ack for ack in acks}
        done = [ack for ack in self.acks.values() if ack.acknowledged_at is not None]
        #: who acknowledged, in the order in which they did
        self.order = [ack.device_id for ack in sorted(done, key=lambda ack: (ack.acknowledged_at, ack.device_id))]
        self._goals = {
            channel: Goal(release=to.release, attempt=to.attempt, epoch=to.epoch, generation=to.generation)
            for channel, to in record.targets.items()
        }
        #: of those that have not
        self.standings: dict[str, Standing] = {}
        for device_id, ack in self.acks.items():
            if ack.acknowledged_at is None:
                self.standings[device_id] = self._stands(ack, said.get(device_id, Said()))

    @property
    def over(self) -> bool:
        """Whether nobody that follows will acknowledge any more."""
        return all(
            stands.word is ELSEWHERE or not self.acks[device_id].follows for device_id, stands in self.standings.items()
        )

    def view(self) -> RollbackView:
        """As the API shows it."""
        return view_of(self.record, list(self.acks.values()), self.standings)

    def stood(self) -> dict[str, tuple[ReturnStanding, str]]:
        """Where those stand that follow and are not back, to be kept at the end."""
        return {
            device_id: (stands.word, stands.cause)
            for device_id, stands in self.standings.items()
            if self.acks[device_id].follows
        }

    def back_at_once(self) -> list[str]:
        """Who acknowledged while nobody counted."""
        return [device_id for device_id, stands in self.standings.items() if stands.word is ReturnStanding.BACK]

    def hear(self, device_id: str, channel: str, said: Said) -> bool:
        """A device spoke, or fell silent; whether it just acknowledged."""
        before = self.standings.get(device_id)
        if before is None or before.word is ELSEWHERE:
            return False
        ack = self.acks[device_id]
        stands = self._stands(ack, said)
        if stands.word is not ReturnStanding.BACK and channel != ack.channel:
            stands = Standing(ELSEWHERE, f"it was moved to channel {channel}")
        self.standings[device_id] = stands
        return stands.word is ReturnStanding.BACK

    def acknowledged(self, device_ids: Sequence[str], now_ms: int) -> None:
        """After it was stored."""
        for device_id in device_ids:
            self.acks[device_id] = msgspec.structs.replace(self.acks[device_id], acknowledged_at=now_ms)
            self.standings.pop(device_id, None)
            self.order.append(device_id)

    def pending(self, channel: str) -> list[str]:
        """Who of a channel has not acknowledged and still may."""
        return [
            device_id
            for device_id, stands in self.standings.items()
            if stands.word is not ELSEWHERE and self.acks[device_id].channel == channel
        ]

    def leave(self, device_id: str, cause: str) -> None:
        """Another order holds for it."""
        self.standings[device_id] = Standing(ELSEWHERE, cause)

    def end(self, now_ms: int) -> None:
        """It is closed."""
        self.record = msgspec.structs.replace(self.record, done_at=now_ms)

    def _stands(self, ack: AckRecord, said: Said) -> Standing:
        return standing_of(said, self._goals[ack.channel], was_online=ack.online)


def said_of(known: Known) -> Said:
    """What matters of a device for its way back."""
    device, status = known
    return Said(
        connectivity=status.connectivity,
        last_seen=status.last_seen,
        epoch=status.epoch,
        generation=status.generation,
        phase=status.phase,
        waiting_for=status.waiting_for,
        running_release=status.running_release,
        running_version=status.running_version,
        result_release=status.result_release,
        result_attempt=status.result_attempt,
        result_outcome=status.result_outcome,
        result_code=status.result_code,
        result_detail=status.result_detail,
        refused=str(status.refused["code"]) if status.refused else None,
        quarantined=device.quarantined,
        pinned=device.pin is not None,
    )
