"""The SDK's error tree: every error says what was wrong, where, and what to do."""


class PyvorinError(Exception):
    """Root of all errors that the SDK raises; the message is for people."""


class WireError(PyvorinError):
    """Bytes from outside that are no acceptable JSON: too large, too deep, a key twice, or not JSON at all.

    `pointer` (JSON Pointer) is none where the bytes as a whole are at fault.
    """

    def __init__(self, why: str, pointer: str | None = None) -> None:
        super().__init__(why if pointer is None else f"{pointer or 'the document'}: {why}")
        self.why = why
        self.pointer = pointer


class CanonicalError(PyvorinError):
    """A value that has no canonical form (PROTOCOL 7), with the JSON Pointer where it stands."""

    def __init__(self, pointer: str, why: str) -> None:
        super().__init__(f"{pointer or '/'}: {why}")
        self.pointer = pointer
        self.why = why


class IdentityError(PyvorinError):
    """A device id, serial, channel or fleet name outside its form."""
