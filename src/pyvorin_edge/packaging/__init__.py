"""Bundles: signed, packed, unpacked, verified; and the anchor that they are verified by."""
