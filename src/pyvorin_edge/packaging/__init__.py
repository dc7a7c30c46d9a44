"""Bundles on disk, and the anchor that they are verified by."""
