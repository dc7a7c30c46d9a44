"""Values into HTML: templates escape everything; no style and no script stands inside a page (CSP)."""

from __future__ import annotations

import datetime as dt
import re
from functools import cache
from pathlib import Path
from typing import Any, Final

from jinja2 import Environment, FileSystemLoader, StrictUndefined

_DIGEST: Final = re.compile(r"\b[0-9a-f]{64}\b")
TEMPLATES: Final = Path(__file__).parent / "templates"
#: the colour that a word has: good, warn, bad, quiet
_GOOD: Final = ("online", "healthy", "in_step", "completed", "good", "resolved", "settled", "committed", "back")
_WARN: Final = (
    *("degraded", "lagging", "paused", "inconclusive", "rolling", "reverting", "applying", "soaking", "waiting"),
    *("retrying", "running", "standing"),
)
_BAD: Final = ("offline", "lost", "unhealthy", "drifted", "both", "reverted", "bad", "firing", "aborted", "failed")
_MOODS: Final = {word: colour for colour, words in (("good", _GOOD), ("warn", _WARN), ("bad", _BAD)) for word in words}


def render(template: str, **values: Any) -> str:
    """One template with its values."""
    return _environment().get_template(template).render(**values)


def mood(word: object) -> str:
    """The colour of a word from the vocabulary; unknown words are quiet."""
    return _MOODS.get(str(word), "quiet")


def clock(at: dt.datetime | None) -> str:
    """A time of day in UTC."""
    return "never" if at is None else at.astimezone(dt.UTC).strftime("%H:%M:%S")


def moment(at: dt.datetime | None) -> str:
    """Day and time of day in UTC."""
    return "never" if at is None else at.astimezone(dt.UTC).strftime("%Y-%m-%d %H:%M:%S")


def share(part: float, whole: float) -> float:
    """Of a bar 100 wide, how much."""
    return 0.0 if whole <= 0 else round(100 * part / whole, 2)


def figure(value: float | None, unit: str = "") -> str:
    """A figure for people; a dash where there is none."""
    return "–" if value is None else f"{value:.1f}{unit}"


def short(text: str) -> str:
    """Digests cut to what an eye can compare; the commands show them whole."""
    return _DIGEST.sub(lambda found: f"{found[0][:10]}…", text)


def words(value: object) -> str:
    """`never_seen` as people write it."""
    return str(value).replace("_", " ")


@cache
def _environment() -> Environment:
    environment = Environment(
        loader=FileSystemLoader(TEMPLATES),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    for function in (mood, clock, moment, share, figure, short, words):
        environment.filters[function.__name__] = function
    return environment
