"""Topics to rights."""

from collections import Counter

import pytest

from pyv_fleet.broker import acl
from pyvorin_edge import topics

DEVICE_LINES = """\
pattern read pyvorin/fleet/v1/channel/+
pattern read pyvorin/fleet/v1/release/+
pattern read pyvorin/fleet/v1/blob/+
pattern read pyvorin/fleet/v1/trust/+
pattern read pyvorin/fleet/v1/shard/+/request
pattern read pyvorin/fleet/v1/device/%u/assignment
pattern read pyvorin/fleet/v1/device/%u/request
pattern write pyvorin/fleet/v1/device/%u/response
pattern write pyvorin/fleet/v1/shard/+/%u/report
pattern write pyvorin/fleet/v1/shard/+/%u/beat
pattern write pyvorin/fleet/v1/shard/+/%u/presence
"""


def test_a_device_has_the_rights_of_protocol_10_and_no_others() -> None:
    assert acl.device_acl() == DEVICE_LINES


def test_the_articles_topics_may_only_be_read_and_only_when_asked() -> None:
    added = set(acl.device_acl(article=True).splitlines()) - set(DEVICE_LINES.splitlines())
    assert added == {f"pattern read {topics.ARTICLE_CONFIG}", f"pattern read {topics.ARTICLE_ROLLBACK}"}


@pytest.mark.parametrize("text", [acl.device_acl(article=True), acl.controller_acl()])
def test_a_file_holds_patterns_alone(text: str) -> None:
    assert all(line.startswith(("pattern read ", "pattern write ", "pattern readwrite ")) for line in text.splitlines())
    assert text.endswith("\n")


def rights(topic: str) -> Counter[str]:
    """How often a device named dev-a may read and write `topic`, by MQTT's rules."""
    found: Counter[str] = Counter()
    for line in acl.device_acl(article=True).splitlines():
        _, right, pattern = line.split()
        levels = pattern.replace("%u", "dev-a").split("/")
        if len(levels) == len(topic.split("/")) and all(
            level in ("+", part) for level, part in zip(levels, topic.split("/"), strict=True)
        ):
            found[right] += 1
    return found


@pytest.mark.parametrize(
    ("topic", "right"),
    [
        (topics.channel("stable"), "read"),
        (topics.release("ab"), "read"),
        (topics.blob("ab"), "read"),
        (topics.trust(3), "read"),
        (topics.shard_request("07"), "read"),
        (topics.assignment("dev-a"), "read"),
        (topics.request("dev-a"), "read"),
        (topics.response("dev-a"), "write"),
        (topics.report("dev-a"), "write"),
        (topics.beat("dev-a"), "write"),
        (topics.presence("dev-a"), "write"),
    ],
)
def test_every_topic_of_a_device_has_exactly_one_line(topic: str, right: str) -> None:
    assert rights(topic) == {right: 1}


@pytest.mark.parametrize(
    "topic",
    [
        topics.assignment("dev-b"),
        topics.report("dev-b"),
        topics.response("dev-b"),
        f"{acl.PROBE_TOPIC}/x",
        "$SYS/broker/version",
    ],
)
def test_no_line_fits_what_is_anothers(topic: str) -> None:
    assert not rights(topic)
