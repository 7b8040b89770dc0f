"""`machine` of the simulated board: thin clients of the world. The names and rules are the ESP32 port's."""

import struct

import ops
from uselect import POLLIN, POLLOUT
from world import world

PWRON_RESET = 1
HARD_RESET = 2
WDT_RESET = 3
DEEPSLEEP_RESET = 4
SOFT_RESET = 5

_LINE_BYTES = 1024


def reset_cause():
    return world.facts["cause"]


def unique_id():
    return bytes.fromhex(world.facts["device_id"])


def reset():
    world.call(ops.RESET, b"")
    raise SystemExit


class Pin:
    IN = 0
    OUT = 1
    PULL_UP = 2

    def __init__(self, number, mode=-1, pull=-1, value=None):
        self.number = number
        self._value = None
        if value is not None:
            self.value(value)

    def value(self, value=None):
        if value is None:
            return self._value or 0
        value = 1 if value else 0
        if value != self._value:
            self._value = value
            world.tell(ops.PIN, bytes((self.number, value)))
        return None

    def on(self):
        self.value(1)

    def off(self):
        self.value(0)


class PWM:
    def __init__(self, pin, freq=1000, duty_u16=0):
        self._pin = pin
        self._freq = freq
        self._duty = duty_u16
        self._tell()

    def freq(self, value):
        self._freq = value
        self._tell()

    def duty_u16(self, value):
        self._duty = value
        self._tell()

    def _tell(self):
        world.tell(ops.PWM, struct.pack("<BIH", self._pin.number, self._freq, self._duty))


class I2C:
    def __init__(self, number=-1, scl=None, sda=None, freq=400000, timeout=50000):
        pass

    def readfrom_mem_into(self, address, register, buffer, *, addrsize=8):
        if addrsize != 16:
            raise ValueError("addrsize")
        world.call_into(ops.I2C_READ, struct.pack("<BHH", address, register, len(buffer)), buffer)

    def writeto_mem(self, address, register, data, *, addrsize=8):
        if addrsize != 16:
            raise ValueError("addrsize")
        world.call(ops.I2C_WRITE, struct.pack("<BH", address, register) + data)


class UART:
    def __init__(self, number, baudrate=9600, tx=None, rx=None, rxbuf=256, timeout=0):
        self._received = bytearray()
        world.uart_sink = self._received.extend
        self.init(baudrate)

    def init(self, baudrate):
        world.tell(ops.UART_OPEN, struct.pack("<I", baudrate))
        world.expect_news()

    def any(self):
        return len(self._received)

    def read(self, size=-1):
        if not self._received:
            return None
        if size < 0:
            size = len(self._received)
        data = bytes(self._received[:size])
        self._received[:size] = b""
        return data

    def write(self, data):
        world.tell(ops.UART_WRITE, bytes(data))
        world.expect_news()
        return len(data)

    def simulated_events(self):
        return POLLOUT | (POLLIN if self._received else 0)


class WDT:
    def __init__(self, id=0, timeout=5000):
        self._timeout = struct.pack("<I", timeout)
        self.feed()
        world.expect_news()

    def feed(self):
        world.tell(ops.WATCHDOG, self._timeout)


class Flash:
    """A NOR flash as a block device for VfsLfs2. One line read ahead saves most journeys to the world."""

    def __init__(self):
        self._line = bytearray(_LINE_BYTES)
        self._start = 0  # of the line, in the flash
        self._held = 0  # bytes of it that are true

    def readblocks(self, number, buffer, offset=0):
        place = number * ops.FLASH_BLOCK_BYTES + offset
        if not 0 <= place - self._start <= self._held - len(buffer):
            if len(buffer) > _LINE_BYTES:
                world.call_into(ops.FLASH_READ, struct.pack("<III", number, offset, len(buffer)), buffer)
                return
            size = min(_LINE_BYTES, ops.FLASH_BLOCK_BYTES - offset)
            self._held = 0
            self._held = world.call_into(
                ops.FLASH_READ, struct.pack("<III", number, offset, size), self._line
            )
            self._start = place
        begin = place - self._start
        buffer[:] = memoryview(self._line)[begin : begin + len(buffer)]

    def writeblocks(self, number, buffer, offset=None):
        self._held = 0
        if offset is None:
            world.call(ops.FLASH_ERASE, struct.pack("<I", number))
            offset = 0
        world.call(ops.FLASH_PROGRAM, struct.pack("<II", number, offset) + bytes(buffer))

    def ioctl(self, op, argument):
        if op == 4:
            return ops.FLASH_BLOCKS
        if op == 5:
            return ops.FLASH_BLOCK_BYTES
        if op == 6:
            self._held = 0
            world.call(ops.FLASH_ERASE, struct.pack("<I", argument))
        return 0
