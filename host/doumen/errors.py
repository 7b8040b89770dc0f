"""Everything that can go wrong on the host, by name.

A message says what happened and, after a semicolon or full stop, what to do about it: the command line
prints it as it is.
"""


class DoumenError(Exception):
    """The parent of every error that a user of the host may see."""


class LinkError(DoumenError):
    """A byte pipe could not be opened or used."""


class LinkNotFound(LinkError):
    """There is no such port, file or address."""


class LinkLost(LinkError):
    """The pipe was open and is gone, or the device stopped answering."""


class LinkEnded(LinkError):
    """A recording that was replayed has come to its end."""


class DeviceRefused(DoumenError):
    """The device answered a command with a named refusal.

    code: the refusal's number in `doumen_wire.messages`.
    """

    def __init__(self, code: int, message: str) -> None:
        super().__init__(message)
        self.code = code


class CalibrationError(DoumenError):
    """A sensor's EEPROM or a frame cannot be turned into temperatures."""


class StoreError(DoumenError):
    """The database refused or cannot be opened."""


class StoreConflict(StoreError):
    """What one device hands over contradicts what is stored; the database and other devices are well."""


class ConfigError(DoumenError):
    """A setting is unknown or out of range."""


class RecordingError(DoumenError):
    """A recording is not one of ours or is damaged."""


class SimulatorError(DoumenError):
    """A simulated device did something that the real one would be damaged by, or cannot be started."""
