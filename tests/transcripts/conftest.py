"""Stores of these tests lie in memory."""

from running.tmpfs import tmp_path

__all__ = ["tmp_path"]
