"""What can be wrong with bytes from the wire, by name."""


class WireError(Exception):
    """The parent of every error about bytes on the wire."""


class CrcError(WireError):
    """The check sum does not fit: noise, not an attack."""


class TruncatedError(WireError):
    """Fewer or more bytes than the layout has."""


class UnknownTypeError(WireError):
    """No packet, message or record has this number."""


class OutOfRangeError(WireError):
    """A field holds a value that it must not hold."""


class VersionError(WireError):
    """The other side speaks no version that we speak."""


class SealError(WireError):
    """A sealed packet does not open."""
