"""The controller's broker: found, fetched, configured, watched, probed and ended (PROTOCOL 10)."""
