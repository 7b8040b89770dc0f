"""The golden vectors, for both Pythons."""

import json
import os

from doumen_wire import messages, records
from doumen_wire.layout import Layout


def cases(file, part):
    """The cases (a list of dicts) of one part of one file."""
    with open(os.getenv("DOUMEN_VECTORS") + "/" + file + ".json") as stream:
        found = json.load(stream)[part]
    assert found
    return found


def layouts():
    """Every Layout of the wire by its name."""
    found = {}
    for module in (messages, records):
        for name in dir(module):
            value = getattr(module, name)
            if isinstance(value, Layout):
                found[value.name] = value
    return found


def fields(layout, given):
    """A vector's fields as `pack` takes them: bytes are hexadecimal in JSON."""
    codes = {field[0]: field[1] for field in layout.fields}
    return {
        name: bytes.fromhex(value) if codes.get(name, "")[-1:] == "s" else value
        for name, value in given.items()
    }


def error_of(call, *arguments, **named):
    """The class name of what the call raises, or None."""
    try:
        call(*arguments, **named)
    except Exception as error:  # noqa: BLE001  # which one it is, is what the caller asserts
        return type(error).__name__
    return None


class Noise:
    """Bytes that look random and are the same on both Pythons."""

    def __init__(self, seed):
        self._state = seed

    def below(self, limit):
        self._state = (self._state * 1103515245 + 12345) & 0x7FFFFFFF
        return (self._state >> 8) % limit

    def take(self, size):
        return bytes(self.below(256) for _ in range(size))
