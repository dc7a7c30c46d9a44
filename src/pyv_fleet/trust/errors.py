"""This room's errors: each says what was wrong, where, and what to do."""


class TrustRoomError(Exception):
    """Root of this room's errors."""


class CsrRefused(TrustRoomError):
    """A certificate request that the device CA does not sign; the message names the reason."""


class RenewalRefused(TrustRoomError):
    """A renewal that PROTOCOL 2 does not allow: another key, another id, another CA, too late, or revoked."""


class AuthorityBroken(TrustRoomError):
    """The certificate authority's directory is incomplete, readable by others, or holds what does not parse."""


class TokenMalformed(TrustRoomError):
    """A token's text that is not of our form; the message never repeats it."""


class KeyFileError(TrustRoomError):
    """A key file that is missing, readable by others, or no Ed25519 seed of 64 hex characters."""


class DocumentRefused(TrustRoomError):
    """A trust document that cannot be made so: the message names the field."""
