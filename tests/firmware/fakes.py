"""What stands in for hardware: a clock moved by hand, pins, a bus, a link, a folder on a flash of its own."""

import asyncio
import os

import device.counters
from doumen_wire import messages, packets

try:
    import vfs
except ImportError:
    vfs = None

PERIOD = 1 << 30  # of an ESP32's ticks_ms: six days and five hours, half of which ticks_diff can tell


def Counters():
    return device.counters.Counters()


class Clock:
    """Takes the place of `time` in the modules it is put into; wraps as an ESP32's does."""

    def __init__(self, *modules):
        self.now = PERIOD - 100  # so that every test lives through a wrap
        for module in modules:
            module.ticks_ms = self.ticks_ms
            module.ticks_diff = self.ticks_diff
            if hasattr(module, "ticks_add"):
                module.ticks_add = self.ticks_add

    def ticks_ms(self):
        return self.now % PERIOD

    @staticmethod
    def ticks_add(ticks, delta):
        return (ticks + delta) % PERIOD

    @staticmethod
    def ticks_diff(end, start):
        return (end - start + PERIOD // 2) % PERIOD - PERIOD // 2


class Pin:
    """level: what it is now."""

    def __init__(self):
        self.level = None

    def value(self, level):
        self.level = level


class Buzzer:
    """tone: in Hz, 0 while silent."""

    def __init__(self):
        self._freq = 0
        self._duty = 0

    def freq(self, value):
        self._freq = value

    def duty_u16(self, value):
        self._duty = value

    @property
    def tone(self):
        return self._freq if self._duty else 0


class LinkClosed(Exception):
    """The script of a fake link is over."""


class Link:
    """Reads what it was given, piece by piece, then raises LinkClosed; keeps what is written."""

    def __init__(self, *pieces):
        self.pieces = list(pieces)
        self.written = bytearray()

    async def read(self):
        if not self.pieces:
            raise LinkClosed
        return self.pieces.pop(0)

    async def write(self, view):
        self.written += view

    def packets(self):
        """The packets written since the last call."""
        found = packets.PacketReader().feed(bytes(self.written))
        self.written = bytearray()
        return found

    def messages(self):
        """(kind, request, fields) of each message written since the last call."""
        return [messages.unpack_message(packet.payload) for packet in self.packets()]


def run_until_closed(receiving):
    """Let a session receive until its link has nothing more to say."""
    try:
        asyncio.run(receiving)
    except LinkClosed:
        return


def packed(packet_type, counter, payload):
    """One packet, ready for a link."""
    return bytes(packets.PacketWriter().pack(packet_type, counter, payload))


class RamFlash:
    """A flash in memory under littlefs. writes: erases and programs so far; at cut_at the power goes, half-way."""

    BLOCK = 4096

    def __init__(self, blocks):
        self._data = bytearray(b"\xff" * (blocks * self.BLOCK))
        self._blocks = blocks
        self.writes = 0
        self.cut_at = None

    def take_over(self, other):
        self._data = bytearray(other._data)
        self._blocks = other._blocks

    def readblocks(self, block, buffer, offset=0):
        start = block * self.BLOCK + offset
        buffer[:] = self._data[start : start + len(buffer)]

    def writeblocks(self, block, buffer, offset=0):
        start = block * self.BLOCK + offset
        size = self._spend(len(buffer))
        self._data[start : start + size] = buffer[:size]
        if size < len(buffer):
            raise OSError(5)

    def ioctl(self, operation, argument):
        if operation == 4:
            return self._blocks
        if operation == 5:
            return self.BLOCK
        if operation == 6:
            size = self._spend(self.BLOCK)
            start = argument * self.BLOCK
            self._data[start : start + size] = b"\xff" * size
            if size < self.BLOCK:
                return -5
        return 0

    def _spend(self, size):
        self.writes += 1
        if self.cut_at is None or self.writes < self.cut_at:
            return size
        return size // 2 if self.writes == self.cut_at else 0


class Place:
    """A folder on a flash that nothing else uses: littlefs in the VM, a temporary folder on CPython."""

    _made = 0

    def __init__(self, blocks=64):
        Place._made += 1
        if vfs is None:
            self.folder = f"{os.getenv('DOUMEN_SCRATCH')}/{os.getpid()}-{Place._made}"
            os.mkdir(self.folder)
            return
        self.folder = f"/ram{Place._made}"
        self.flash = RamFlash(blocks)
        vfs.VfsLfs2.mkfs(self.flash)
        self._mount()

    def _mount(self):
        self.filesystem = vfs.VfsLfs2(self.flash)
        vfs.mount(self.filesystem, self.folder)

    def power_up(self):
        """Mount again what was left of the flash; in the VM only."""
        vfs.umount(self.folder)
        # A copy: files that the cut left open still close some time, into the flash that is dead.
        left = self.flash
        self.flash = RamFlash(0)
        self.flash.take_over(left)
        self._mount()

    def leave(self):
        """Give the memory back."""
        if vfs is not None:
            vfs.umount(self.folder)
