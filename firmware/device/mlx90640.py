"""MLX90640 thermal array: raw EEPROM and subpages; temperatures are the host's business.

Source: MLX90640 datasheet rev 12: memory map §10.2-10.5, measurement flow §8.2, I2C §9.
"""

from time import ticks_diff, ticks_ms

from micropython import const

from device.errors import SensorError
from doumen_wire.records import EEPROM_BYTES, SUBPAGE_BYTES

_EEPROM = const(0x2400)
_RAM = const(0x0400)
_STATUS = const(0x8000)
_CONTROL = const(0x800D)
_NEW_DATA = const(0x0008)
_CLEAR = b"\x00\x30"  # new data off; overwriting and measuring stay on
_CHESS = const(0x1000)
_REFRESH_MASK = const(0x0380)
_RATES_HZ = (0.5, 1, 2, 4, 8, 16, 32, 64)

_BARREN_MS = const(1000)

# What poll() found.
NOTHING = const(0)
FRESH = const(1)
TORN = const(2)
STALE = const(3)


class MLX90640:
    """A thin driver: one block read a subpage, into one buffer that is made once.

    buffer: the 832 words of the last subpage as they came off the bus (big-endian).
    control, status: the registers' values that belong to it.
    """

    def __init__(self, bus, counters, address=0x33):
        self._bus = bus
        self._address = address
        self._counters = counters
        self._word = bytearray(2)
        self.buffer = bytearray(SUBPAGE_BYTES)
        self.control = 0
        self.status = 0
        self._last_number = -1
        self._last_ms = 0
        self.period_ms = 0

    def read_eeprom(self):
        """The 832 words of the EEPROM (bytes, big-endian). Raises SensorError."""
        eeprom = bytearray(EEPROM_BYTES)
        self._read(_EEPROM, eeprom)
        return bytes(eeprom)

    def start(self, rate_hz=16):
        """Chess pattern at that refresh rate; the ADC's resolution stays as it is. Raises SensorError."""
        code = _RATES_HZ.index(rate_hz)
        self._read(_CONTROL, self._word)
        control = self._word[0] << 8 | self._word[1]
        control = control & ~_REFRESH_MASK | code << 7 | _CHESS
        self._write(_CONTROL, control.to_bytes(2, "big"))
        self._read(_CONTROL, self._word)
        self.control = self._word[0] << 8 | self._word[1]
        if self.control != control:
            raise SensorError(f"control register reads {self.control:04x}, not {control:04x}")
        self.period_ms = int(1000 / rate_hz)
        self._last_number = -1
        self._last_ms = ticks_ms()
        self._write(_STATUS, _CLEAR)

    def poll(self):
        """Look for a new subpage; read it if there is one. Raises SensorError.

        Returns FRESH (buffer and status hold it), NOTHING, TORN (the sensor stored the next one while we read:
        the buffer holds a mixture) or STALE (the same subpage once more). A sensor that had nothing fresh for a
        second and three periods is as good as silent.
        """
        found = self._look()
        if found != FRESH and ticks_diff(ticks_ms(), self._last_ms) > _BARREN_MS + 3 * self.period_ms:
            raise SensorError("it answers, but measures nothing new")
        return found

    def _look(self):
        status = self._status()
        if not status & _NEW_DATA:
            return NOTHING
        now = ticks_ms()
        # Cleared before the block is read: if the bit is back afterwards, the sensor wrote in between.
        self._write(_STATUS, _CLEAR)
        self._read(_RAM, self.buffer)
        after = self._status()
        if (after ^ status) & 7:
            # Also without new data: the sensor may have stored between our look at the status and the clear.
            self._counters.torn += 1
            return TORN
        number = status & 7
        # Subpages alternate. The same number within a period and a half is not one missed but one read twice.
        repeated = number == self._last_number and ticks_diff(now, self._last_ms) < self.period_ms * 3 // 2
        if repeated or after & _NEW_DATA:
            self._counters.stale += 1
            return STALE
        self._last_number = number
        self._last_ms = now
        self.status = status
        self._counters.subpages += 1
        return FRESH

    def pause_ms(self):
        """How long the next subpage needs no asking for: four fifths of the period, counted from the last one."""
        return max(self.period_ms * 4 // 5 - ticks_diff(ticks_ms(), self._last_ms), 0)

    def _status(self):
        self._read(_STATUS, self._word)
        return self._word[0] << 8 | self._word[1]

    def _read(self, register, buffer):
        try:
            self._bus.readfrom_mem_into(self._address, register, buffer, addrsize=16)
        except OSError as error:
            raise SensorError(f"no answer reading {register:04x}") from error

    def _write(self, register, data):
        try:
            self._bus.writeto_mem(self._address, register, data, addrsize=16)
        except OSError as error:
            raise SensorError(f"no answer writing {register:04x}") from error
