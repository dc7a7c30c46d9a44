"""Hypothesis on a shared machine: no deadline per example, no complaint that drawing is slow."""

from hypothesis import HealthCheck, settings

settings.register_profile("shared", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("shared")
