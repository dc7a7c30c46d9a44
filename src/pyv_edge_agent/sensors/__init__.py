"""Sensors: the port, one file an adapter, and the thread that polls them."""
