"""Performs what core decides: intake, orders, enrolment, rollouts, alerts."""
