"""What device and controller must agree on: identity, hashing, envelopes, orders, reports, topics."""
