"""Sensing: what is made of cleared readings. Windows, rules, events and policies; decisions only, no clock, no I/O."""
