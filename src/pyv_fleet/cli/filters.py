"""Options that several verbs share, parsed once."""

from __future__ import annotations

from collections.abc import Sequence

import click


def labels_of(given: Sequence[str]) -> dict[str, str]:
    """`key=value` texts as labels; a usage error names the one that is wrong."""
    from pyvorin_edge.errors import IdentityError
    from pyvorin_edge.identity import parse_label

    try:
        return dict(parse_label(one) for one in given)
    except IdentityError as why:
        raise click.BadParameter(str(why), param_hint="--label") from None


label_option = click.option("--label", "labels", multiple=True, metavar="KEY=VALUE", help="A label; repeat.")
reason_option = click.option("--reason", required=True, help="Why; it stands in the audit log.")
yes_option = click.option("--yes", is_flag=True, help="Do not ask; needs --expect-count.")
expect_option = click.option("--expect-count", type=click.IntRange(0), help="Go on only if so many devices are meant.")
