"""Settings of a device: `config.json` over the defaults of its role. An unknown key is refused by name."""

import json

from device.errors import ConfigError

_COMMON = {"role": None, "watchdog_ms": 8000, "ble": False}
_ROLES = {
    "gate": {"refresh_hz": 16, "relay_fail": "closed"},
    "badge": {
        "receiver_baud": 9600,
        "interval_ms": 1000,
        "systems": "gps+bds",
        "block_age_ms": 60000,
        "log_files": 200,
    },
}
_CHOICES = {
    "refresh_hz": (2, 4, 8, 16, 32),
    "relay_fail": ("open", "closed"),
    "receiver_baud": (4800, 9600, 38400, 57600, 115200),
    "interval_ms": (100, 200, 250, 500, 1000),
    "systems": ("gps", "bds", "gps+bds", "gps+bds+glonass"),
}
_SWITCHES = ("ble",)
_RANGES = {"watchdog_ms": (2000, 60000), "block_age_ms": (0, 3600000), "log_files": (2, 4000)}


def load(path, board_settings):
    """The settings (a dict) from the file, if there is one, over those of the board.

    Raises ConfigError naming the key that is unknown, missing or out of range.
    """
    given = dict(board_settings)
    try:
        with open(path) as file:
            read = json.load(file)
    except OSError:
        read = {}  # no file: the board's settings serve
    except ValueError as error:
        raise ConfigError(f"{path} is not JSON") from error
    if not isinstance(read, dict):
        raise ConfigError(f'{path} is no object of settings like {{"role": "gate"}}')
    given.update(read)
    role = given.get("role")
    if not isinstance(role, str) or role not in _ROLES:
        raise ConfigError(f'"role" is {role}; write {{"role": "gate"}} or {{"role": "badge"}} to {path}')
    settings = dict(_COMMON)
    settings.update(_ROLES[role])
    for key in given:
        if key not in settings:
            raise ConfigError(f'"{key}" is no setting of a {role}; it has {", ".join(sorted(settings))}')
        settings[key] = _checked(key, given[key])
    return settings


def _checked(key, value):
    if key in _CHOICES and (value not in _CHOICES[key] or isinstance(value, (bool, float))):
        raise ConfigError(f'"{key}" is {value}; it can be {", ".join(str(v) for v in _CHOICES[key])}')
    if key in _SWITCHES and not isinstance(value, bool):
        raise ConfigError(f'"{key}" is {value}; it can be true or false')
    if key in _RANGES:
        lowest, highest = _RANGES[key]
        if not isinstance(value, int) or isinstance(value, bool) or not lowest <= value <= highest:
            raise ConfigError(f'"{key}" is {value}; it can be {lowest} to {highest}')
    return value
