"""Topics: what is built parses back, and nothing else is ours."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pyvorin_edge import topics
from pyvorin_edge.topics import Kind, Topic

DEVICE = "FLEET-0a1b2c3d4e5f"
BUILT = {
    topics.channel("stable"): Topic(Kind.CHANNEL, "stable"),
    topics.release("ab" * 32): Topic(Kind.RELEASE, "ab" * 32),
    topics.blob("cd" * 32): Topic(Kind.BLOB, "cd" * 32),
    topics.trust(3): Topic(Kind.TRUST, "3"),
    topics.assignment(DEVICE): Topic(Kind.ASSIGNMENT, DEVICE),
    topics.request(DEVICE): Topic(Kind.REQUEST, DEVICE),
    topics.response(DEVICE): Topic(Kind.RESPONSE, DEVICE),
    topics.shard_request("26"): Topic(Kind.SHARD_REQUEST, "26"),
    topics.report(DEVICE): Topic(Kind.REPORT, DEVICE),
    topics.beat(DEVICE): Topic(Kind.BEAT, DEVICE),
    topics.presence(DEVICE): Topic(Kind.PRESENCE, DEVICE),
}


@pytest.mark.parametrize("topic", BUILT)
def test_what_is_built_parses_back(topic: str) -> None:
    assert topics.parse(topic) == BUILT[topic]


def test_every_kind_has_a_builder() -> None:
    assert {topic.kind for topic in BUILT.values()} == set(Kind)


def test_the_names_are_the_protocol_s() -> None:
    assert topics.report(DEVICE) == "pyvorin/fleet/v1/shard/26/FLEET-0a1b2c3d4e5f/report"
    assert topics.assignment(DEVICE) == "pyvorin/fleet/v1/device/FLEET-0a1b2c3d4e5f/assignment"


@pytest.mark.parametrize(
    "topic",
    [
        "",
        "pyvorin/fleet/v1",
        "pyvorin/fleet/v1/",
        "pyvorin/fleet/v2/channel/stable",
        "x/pyvorin/fleet/v1/channel/stable",
        "pyvorin/fleet/v1/channel/",
        "pyvorin/fleet/v1/channel/a/b",
        "pyvorin/fleet/v1/device//assignment",
        f"pyvorin/fleet/v1/device/{DEVICE}/report",
        f"pyvorin/fleet/v1/shard/27/{DEVICE}/report",
        f"pyvorin/fleet/v1/shard/26/{DEVICE}/assignment",
        topics.ARTICLE_CONFIG,
        topics.ARTICLE_ROLLBACK,
    ],
)
def test_what_is_not_ours_or_under_another_s_shard_is_nothing(topic: str) -> None:
    assert topics.parse(topic) is None


@given(st.text("pyvorin/fleetv1channlsdq0126+#-", max_size=60) | st.text(max_size=40))
def test_any_text_is_parsed_without_a_crash(topic: str) -> None:
    topics.parse(topic)
    topics.parse(f"{topics.ROOT}/{topic}")
