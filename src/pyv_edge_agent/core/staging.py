"""From release, config and overlay to the file that would run: checked by the SDK's own functions (rules 4, 10)."""

from __future__ import annotations

from typing import Any

import msgspec

from pyv_edge_agent.core.memory import Installed
from pyvorin_edge.canonical import config_hash
from pyvorin_edge.config.document import problems, with_defaults
from pyvorin_edge.config.formats import parse
from pyvorin_edge.config.layers import golden_hash, render
from pyvorin_edge.config.problem import ConfigError
from pyvorin_edge.identity import digest_of
from pyvorin_edge.orders import Release, Target
from pyvorin_edge.vocabulary import Cause


class Laid(msgspec.Struct, frozen=True):
    """What would run, and its file's bytes."""

    installed: Installed
    data: bytes


class Unfit(msgspec.Struct, frozen=True):
    """Why it cannot."""

    code: Cause
    detail: str


def lay(release: Release, target: Target, blob: bytes, overlay: dict[str, Any]) -> Laid | Unfit:
    """Render the config and hold it against the release's own hash and the schema; `${VAR}` is the shell's question."""
    try:
        data = render(blob, release.config.format, overlay)
        document = parse(data, release.config.format)
        declared = golden_hash(blob, release.config.format, None)
    except ConfigError as why:
        return Unfit(Cause.INVALID, str(why))
    found = problems(with_defaults(document))
    if found:
        return Unfit(Cause.INVALID, "; ".join(str(problem) for problem in found[:3]))
    if declared != release.golden_hash:
        return Unfit(Cause.HASH, f"golden hash {release.golden_hash[:12]}…, computed {declared[:12]}…")
    installed = Installed(
        release=target.release,
        version=release.version,
        overlay=target.overlay,
        attempt=target.attempt,
        kind=target.kind,
        file=digest_of(data),
        config=release.config.sha256,
        format=release.config.format,
        config_hash=config_hash(document),
        floor=release.floor,
        bundle=release.bundle,
    )
    return Laid(installed, data)
