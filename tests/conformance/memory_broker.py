"""A broker in memory: retained messages, exact subscriptions, and everything that was ever published."""

from __future__ import annotations

from collections.abc import Callable


class MemoryBroker:
    """One device and its fleet share it. `now_ms` is the fleet's clock, moved by the subject."""

    def __init__(self) -> None:
        self.wall_ms = 1_800_000_000_000
        self.retained: dict[str, bytes] = {}
        self.published: list[tuple[str, bytes]] = []
        #: who listens: topics, and where a message goes
        self.subscribed: frozenset[str] = frozenset()
        self.deliver: Callable[[str, bytes, bool], None] = lambda *_: None

    def now_ms(self) -> int:
        return self.wall_ms

    def publish(self, topic: str, payload: bytes, *, retain: bool) -> None:
        self.published.append((topic, payload))
        if retain and payload:
            self.retained[topic] = payload
        elif retain:
            self.retained.pop(topic, None)
        if topic in self.subscribed:
            self.deliver(topic, payload, False)

    def subscribe(self, topics: tuple[str, ...]) -> None:
        """As MQTT does: what is retained comes at once, also when asked again."""
        self.subscribed |= frozenset(topics)
        for topic in topics:
            if topic in self.retained:
                self.deliver(topic, self.retained[topic], True)

    def unsubscribe(self, topics: tuple[str, ...]) -> None:
        self.subscribed -= frozenset(topics)
