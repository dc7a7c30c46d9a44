"""What device and controller of a Pyvorin fleet must agree on: identity, hashing, envelopes, orders, reports, topics."""
