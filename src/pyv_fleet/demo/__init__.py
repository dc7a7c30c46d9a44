"""`pyv-fleet demo`: controller, broker, three real agents and a hundred simulated devices on this machine."""

from pyv_fleet.demo.command import demo_command

__all__ = ["demo_command"]
