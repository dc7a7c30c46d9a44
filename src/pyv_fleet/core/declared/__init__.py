"""Channels, groups, policies and rollouts as documents in files: read, compared with what stands, planned."""
