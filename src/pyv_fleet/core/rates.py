"""How often one address may ask what needs no credentials: a bucket each. Time is an argument."""

from __future__ import annotations

from dataclasses import dataclass, field

ADDRESSES_MAX = 10_000


@dataclass
class Rates:
    """A bucket of `burst` that fills by `per_second`; forgotten addresses begin with a full one."""

    burst: int
    per_second: float
    _left: dict[str, tuple[float, float]] = field(default_factory=dict)

    def take(self, address: str, now: float) -> bool:
        """Whether one more is in the bucket of `address` at `now` (seconds)."""
        left, since = self._left.pop(address, (float(self.burst), now))
        left = min(float(self.burst), left + max(0.0, now - since) * self.per_second)
        allowed = left >= 1.0
        self._left[address] = (left - 1.0 if allowed else left, now)
        if len(self._left) > ADDRESSES_MAX:
            del self._left[next(iter(self._left))]
        return allowed
