"""A real agent process with shorter waits than the command line offers: `agent_process.py STATE_DIR REACH_SECONDS`."""

from __future__ import annotations

import sys
from pathlib import Path

from pyv_edge_agent.core.device import Limits
from pyv_edge_agent.main import AgentOptions
from pyv_edge_agent.run_words import RunOrders
from pyv_edge_agent.running import run_agent
from pyvorin_edge.vocabulary import Clock

if __name__ == "__main__":
    limits = Limits(reach_seconds=float(sys.argv[2]), health_look_seconds=0.2, health_idle_seconds=1.0)
    options = AgentOptions(health_port=0, clock=Clock.SYNCED, limits=limits, reconnect_seconds_max=1.0)
    run_agent(RunOrders(state_dir=Path(sys.argv[1]), options=options, die_with_parent=True))
