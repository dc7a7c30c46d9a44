"""Options that several verbs share, parsed once."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Final

import click


def labels_of(given: Sequence[str]) -> dict[str, str]:
    """`key=value` texts as labels; a usage error names the one that is wrong."""
    from pyvorin_edge.errors import IdentityError
    from pyvorin_edge.identity import parse_label

    try:
        return dict(parse_label(one) for one in given)
    except IdentityError as why:
        raise click.BadParameter(str(why), param_hint="--label") from None


def why(ctx: click.Context, option: click.Parameter, text: str | None) -> str | None:
    """A reason that says something; else a usage error."""
    if text is not None and not text.strip():
        raise click.BadParameter("say why; it stands in the audit log")
    return text


def span_of(ctx: click.Context, option: click.Parameter, text: str) -> int:
    """A span as seconds: `90s`, `30m`, `8h`, `2d`; else a usage error."""
    found = _SPAN.fullmatch(text.strip())
    if found is None or int(found[1]) == 0:
        raise click.BadParameter("write a number and s, m, h or d, such as 30m")
    return int(found[1]) * _SECONDS[found[2]]


def _version(ctx: click.Context, option: click.Parameter, text: str) -> str:
    if not _VERSION.fullmatch(text):
        raise click.BadParameter("letters, digits, '.', '_', '+', '-', at most 64, the first a letter or digit")
    return text


def _fleet_name(ctx: click.Context, option: click.Parameter, text: str) -> str:
    from pyvorin_edge.errors import IdentityError
    from pyvorin_edge.identity import parse_fleet

    try:
        return parse_fleet(text)
    except IdentityError as why:
        raise click.BadParameter(str(why)) from None


#: as in pyvorin_edge.orders.Release
_VERSION: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._+-]{0,63}")
_SPAN: Final = re.compile(r"(\d{1,9})([smhd])")
_SECONDS: Final = {"s": 1, "m": 60, "h": 3600, "d": 86_400}
version_option = click.option("--version", required=True, callback=_version, help="Unique in the fleet.")
fleet_option = click.option(
    "--name",
    default="fleet",
    show_default=True,
    callback=_fleet_name,
    help="The fleet's name; it cannot be changed later.",
)
label_option = click.option("--label", "labels", multiple=True, metavar="KEY=VALUE", help="A label; repeat.")
reason_option = click.option("--reason", required=True, callback=why, help="Why; it stands in the audit log.")
yes_option = click.option("--yes", is_flag=True, help="Do not ask; needs --expect-count.")
expect_option = click.option("--expect-count", type=click.IntRange(0), help="Go on only if so many devices are meant.")
