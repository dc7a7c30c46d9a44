"""The SDK's error tree: every error says what was wrong, where, and what to do."""


class PyvorinError(Exception):
    """Root of all errors that the SDK raises; the message is for people."""


class WireError(PyvorinError):
    """Bytes from outside that are no acceptable JSON: too large, too deep, a key twice, or not JSON at all."""


class CanonicalError(PyvorinError):
    """A value that has no canonical form (PROTOCOL 7), with the JSON Pointer where it stands."""

    def __init__(self, pointer: str, why: str) -> None:
        super().__init__(f"{pointer or '/'}: {why}")
        self.pointer = pointer
        self.why = why


class IdentityError(PyvorinError):
    """A device id, serial, channel or fleet name outside its form."""
