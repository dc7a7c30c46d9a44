"""`pyv-edge-agent run` without click, if its words are plain: a command line is not kept in memory for years."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence

from pyv_edge_agent.failures import TOLD, exit_of, sentence_of
from pyv_edge_agent.run_words import read_words
from pyv_edge_agent.running import run_agent


def run_plainly(words: Sequence[str], environment: Mapping[str, str]) -> bool:
    """Run until told to end. False, and nothing was done: click has more to say to these words than to run.

    SystemExit with one line on standard error, as click's `run` has it, for what a person can mend.
    """
    orders = read_words(words, environment)
    if orders is None:
        return False
    try:
        run_agent(orders)
    except TOLD as why:
        print(f"Error: {sentence_of(why)}", file=sys.stderr)  # noqa: T201 - no click here
        sys.exit(exit_of(why))
    return True
