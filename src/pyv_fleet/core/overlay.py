"""Whether a device's overlay fits a release: open, and a config that makes sense with it (PROTOCOL 5, rule 10)."""

from __future__ import annotations

from typing import Any

from pyv_fleet.core.release import ReleaseRefused, refuse_config
from pyvorin_edge.canonical import refuse_uncanonical
from pyvorin_edge.config.layers import closed_leaves, golden_hash, render
from pyvorin_edge.config.problem import ConfigError
from pyvorin_edge.errors import CanonicalError, PyvorinError
from pyvorin_edge.orders import Release


class OverlayRefused(PyvorinError):
    """An overlay that a device would reject with this release; `errors` names each path."""

    def __init__(self, errors: tuple[str, ...]) -> None:
        super().__init__("; ".join(errors))
        self.errors = errors


def checked_hash(release: Release, blob: bytes, overlay: dict[str, Any]) -> str:
    """The golden hash of (release, overlay), as the device computes it; OverlayRefused if it would not take it.

    A release that was published unchecked holds with no overlay; with one its whole config must make sense.
    """
    if not overlay:
        return release.golden_hash
    try:
        refuse_uncanonical(overlay)
    except CanonicalError as why:
        raise OverlayRefused((str(why),)) from None
    closed = closed_leaves(overlay, release.open)
    if closed:
        opened = ", ".join(release.open) or "nothing"
        raise OverlayRefused(tuple(f"{leaf}: release {release.version} opens {opened}" for leaf in closed))
    format_ = release.config.format
    try:
        refuse_config(render(blob, format_, overlay), format_)
        return golden_hash(blob, format_, overlay)
    except ConfigError as why:
        raise OverlayRefused(tuple(_said(release, str(problem)) for problem in why.problems)) from None
    except ReleaseRefused as why:
        raise OverlayRefused(tuple(_said(release, error) for error in why.errors)) from None


def _said(release: Release, problem: str) -> str:
    return f"with release {release.version}: {problem}"
