"""Topics to rights: the text of mosquitto's ACL files (PROTOCOL 3 and 10). Pure.

Patterns alone, so that a file never changes with the fleet. One line each and none that overlap: a `topic` line above
the first `user` would be for anonymous clients only, and two lines that fit one subscription would deliver twice.
"""

from __future__ import annotations

from typing import Final

from pyvorin_edge import topics

NAME: Final = "%u"
"""mosquitto's word for the user name, which is the certificate's CN: the device id."""

DEVICE_READS: Final = (
    topics.channel("+"),
    topics.release("+"),
    topics.blob("+"),
    f"{topics.ROOT}/trust/+",
    topics.shard_request("+"),
    topics.assignment(NAME),
    topics.request(NAME),
)
DEVICE_WRITES: Final = (
    topics.response(NAME),
    f"{topics.ROOT}/shard/+/{NAME}/report",
    f"{topics.ROOT}/shard/+/{NAME}/beat",
    f"{topics.ROOT}/shard/+/{NAME}/presence",
)
ARTICLE_READS: Final = (topics.ARTICLE_CONFIG, topics.ARTICLE_ROLLBACK)
PROBE_TOPIC: Final = f"{topics.ROOT}/probe"
"""Under here nobody but the controller has any right: where the probe tries a forbidden publish."""


def device_acl(*, article: bool = False) -> str:
    """The device listener's file; with `article` (while `article_channel` is set) its two topics may be read."""
    reads = DEVICE_READS + (ARTICLE_READS if article else ())
    return _text([f"pattern read {topic}" for topic in reads] + [f"pattern write {t}" for t in DEVICE_WRITES])


def controller_acl() -> str:
    """The controller listener's file: whoever has a certificate of the controller's CA may do all that is ours."""
    return _text(["pattern readwrite pyvorin/#"])


def _text(lines: list[str]) -> str:
    return "".join(f"{line}\n" for line in lines)
