"""A log on a flash of its own, and ways to make its calls fail. Littlefs in the VM, a folder on CPython."""

import os

from fakes import Counters, Place

from device import flash_log
from device.errors import FlashError
from device.flash_log import FlashLog
from doumen_wire.records import FIX, unpack_block

ENOSPC, EIO = 28, 5


def fix(i):
    return FIX.pack(time_ms=i, lat_e7=1, lon_e7=2, hdop_c=3, satellites=4, quality=1)


class Scene:
    """A log on a flash of its own. taken: how many fixes it was given, numbered by their time."""

    def __init__(self, max_files=200):
        self.place = Place()
        self.folder = self.place.folder + "/log"
        self.max_files = max_files
        self.boots = 0
        self.taken = 0
        self.restart()

    def restart(self):
        """The device starts again; what was in memory is gone."""
        self.boots += 1
        self.counters = Counters()
        self.log = FlashLog(self.folder, self.boots, self.counters, self.max_files)
        return self.log

    def take(self, count):
        for _ in range(count):
            self.taken += 1
            self.log.append(fix(self.taken))

    def take_blocks(self, count, fixes=1):
        """So many blocks of so many fixes."""
        for _ in range(count):
            self.take(fixes)
            self.log.close_block()

    def times(self, cursor=0, most=9999):
        """The fixes that a host with this cursor is handed, by their time."""
        found = []
        for seq, block in self.log.blocks(cursor, most):
            number, _, fixes = unpack_block(bytes(block), self.log.epoch)
            assert number == seq
            found += [each["time_ms"] for each in fixes]
        return found

    def numbers(self, cursor=0, most=9999):
        return [seq for seq, _ in self.log.blocks(cursor, most)]

    def files(self):
        return sorted(name for name in os.listdir(self.folder) if name.endswith(".seg"))

    def fails(self, call, *arguments):
        try:
            call(*arguments)
        except FlashError:
            return True
        return False

    def leave(self):
        self.place.leave()


def upto(last, first=1):
    return list(range(first, last + 1))


class Failing:
    """While entered, one function that the log calls raises an OSError, after so many good calls."""

    def __init__(self, name, code=EIO, after=0):
        self._name = name
        self._code = code
        self._after = after

    def __enter__(self):
        self._os = flash_log.os
        if self._name == "open":
            flash_log.open = self._open
        else:
            flash_log.os = self

    def __exit__(self, kind, error, trace):
        flash_log.os = self._os
        if self._name == "open":
            del flash_log.open

    def __getattr__(self, name):
        return self._fail if name == self._name else getattr(self._os, name)

    def _fail(self, *arguments):
        self._after -= 1
        if self._after < 0:
            raise OSError(self._code, "as asked")
        return getattr(self._os, self._name)(*arguments)

    def _open(self, path, mode="r"):
        if mode in ("ab", "wb"):
            self._after -= 1
            if self._after < 0:
                raise OSError(self._code, "as asked")
        return open(path, mode)
