"""What can go wrong on the device, by name."""


class DeviceError(Exception):
    """The parent of every error of the firmware."""


class SensorError(DeviceError):
    """The thermal sensor does not answer or answers nonsense."""


class FlashError(DeviceError):
    """The log cannot be written or read."""


class ConfigError(DeviceError):
    """A setting is unknown or out of range."""


class LinkError(DeviceError):
    """A link cannot be offered."""
