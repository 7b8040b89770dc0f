"""Sources: what delivers raw subpages without a conversation, wearing a client's face.

    i2c:        the I2C port that Blinka finds (a Raspberry Pi's pins, or a USB bridge such as FT232H or MCP2221)
    i2c:3       Linux' /dev/i2c-3

The registers are reached through adafruit-circuitpython-mlx90640; calibration stays this project's own.
"""

import asyncio
import importlib
import threading
import time
from types import TracebackType
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from doumen.client import Client, Identity, LinkCounts, Subpage, connect
from doumen.errors import LinkLost, LinkNotFound
from doumen.model import Verdict
from doumen_wire import records

_ADDRESS = 0x33
_STATUS, _CONTROL, _RAM, _EEPROM = 0x8000, 0x800D, 0x0400, 0x2400
_NEW_DATA, _CLEAR = 0x0008, 0x0030
_CHESS, _REFRESH, _16_HZ = 0x1000, 0x0380, 5 << 7
_PERIOD_S = 1 / 16
_DEVICE_ID_WORDS = slice(7, 10)  # EEPROM 0x2407 to 0x2409
_MOST_WAITING = 32


async def open_device(url: str) -> "Client | I2cSensor":
    """A device by its URL: i2c: is a source, everything else a link with a conversation over it.

    Raises LinkNotFound, LinkError, LinkLost, DeviceRefused.
    """
    if url.partition(":")[0].lower() == "i2c":
        return await I2cSensor.open(url)
    return await connect(url)


class I2cSensor:
    """An MLX90640 on this computer's own bus: a gate without lights."""

    def __init__(self, name: str, bus: Any) -> None:
        """bus: a busio.I2C or what behaves like one. Raises LinkNotFound if no sensor answers."""
        driver_class = importlib.import_module("adafruit_mlx90640").MLX90640
        device_class = importlib.import_module("adafruit_bus_device.i2c_device").I2CDevice
        # Its constructor decodes the EEPROM, and hangs on one that is all FFFF. Only its registers are used.
        driver = driver_class.__new__(driver_class)
        try:
            driver.i2c_device = device_class(bus, _ADDRESS)
        except (OSError, ValueError) as error:
            raise LinkNotFound(
                f"{name}: no MLX90640 answers at 0x33 ({error}); check SDA, SCL and 3.3 V"
            ) from error
        self.name = name
        self.counts = LinkCounts()
        self._driver = driver
        self._bus_turn = threading.Lock()
        self._loop = asyncio.get_running_loop()
        self._waiting: asyncio.Queue[Subpage | LinkLost] = asyncio.Queue()
        self._started_s = time.monotonic()
        self._torn = 0
        self._is_streaming = False
        self._thread: threading.Thread | None = None
        self._eeprom = np.array(self._words(_EEPROM, records.EEPROM_WORDS), np.uint16)
        serial = "".join(f"{word:04x}" for word in self._eeprom[_DEVICE_ID_WORDS].tolist())
        self.identity = Identity(f"{serial:0>16}", "gate", "i2c", 0, 1)

    @classmethod
    async def open(cls, url: str) -> "I2cSensor":
        """Raises LinkNotFound if the extra is not installed, there is no such bus, or no sensor on it."""
        return cls(url, await asyncio.to_thread(_open_bus, url))

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    async def close(self) -> None:
        """Stop reading; closing twice is no error."""
        await self.stream(False)

    async def eeprom(self) -> NDArray[np.uint16]:
        """(832,) uint16."""
        return self._eeprom.copy()

    async def status(self) -> dict[str, int]:
        """A status record's fields; what this sensor has no means to know is 0."""
        known = {
            "role": records.GATE,
            "service": records.IN_SERVICE,
            "uptime_ms": round((time.monotonic() - self._started_s) * 1000),
            "subpages": self.counts.subpages,
            "torn": self._torn,
        }
        return {field[0]: known.get(field[0], 0) for field in records.STATUS.fields}

    async def set_time(self, host_ms: int) -> None:
        """It has no clock but this computer's."""

    async def show(self, verdict: Verdict, passage: int, hold_ms: int) -> None:
        """It has no lights."""

    async def stream(self, on: bool) -> None:
        """Begin or end reading subpages, 16 a second."""
        if on and self._thread is None:
            self._is_streaming = True
            self._thread = threading.Thread(target=self._pump, name=f"read {self.name}", daemon=True)
            self._thread.start()
        elif not on and self._thread is not None:
            self._is_streaming = False
            await asyncio.to_thread(self._thread.join)
            self._thread = None

    async def subpage(self, timeout_s: float) -> Subpage:
        """The next subpage. Raises TimeoutError, LinkLost when the sensor stops answering."""
        got = await asyncio.wait_for(self._waiting.get(), timeout_s)
        if isinstance(got, LinkLost):
            raise got
        return got

    def _pump(self) -> None:
        try:
            control = self._words(_CONTROL, 1)[0] & ~_REFRESH | _16_HZ | _CHESS
            self._write(_CONTROL, control)
            self._write(_STATUS, _CLEAR)
            while self._is_streaming:
                subpage = self._next(control)
                if subpage is not None:
                    self._loop.call_soon_threadsafe(self._offer, subpage)
                    time.sleep(_PERIOD_S / 2)  # reading took the better part of the rest
        except OSError as error:
            lost = LinkLost(f"{self.name}: the sensor stopped answering ({error}); check its wires")
            self._loop.call_soon_threadsafe(self._waiting.put_nowait, lost)
        except RuntimeError:
            return  # the event loop has ended: nobody will ever ask

    def _next(self, control: int) -> Subpage | None:
        """The subpage that is new, or None if there is none or it was torn while it was read."""
        before = self._words(_STATUS, 1)[0]
        if not before & _NEW_DATA:
            time.sleep(_PERIOD_S / 20)
            return None
        ticks_ms = round((time.monotonic() - self._started_s) * 1000)
        self._write(_STATUS, _CLEAR)
        words = np.empty(834, np.uint16)
        words[:832] = self._words(_RAM, records.SUBPAGE_WORDS)
        after = self._words(_STATUS, 1)[0]
        if (after ^ before) & 7 or after & _NEW_DATA:
            self._torn += 1
            return None
        words[832], words[833] = control, before & 7
        return Subpage(self.counts.subpages, ticks_ms & 0x3FFFFFFF, words)

    def _offer(self, subpage: Subpage) -> None:
        if self._waiting.qsize() >= _MOST_WAITING:
            self._waiting.get_nowait()
            self.counts.overtaken += 1
        self._waiting.put_nowait(subpage)
        self.counts.subpages += 1

    def _words(self, register: int, count: int) -> list[int]:
        words = [0] * count
        with self._bus_turn:
            self._driver._I2CReadWords(register, words)
        return words

    def _write(self, register: int, word: int) -> None:
        with self._bus_turn:
            self._driver._I2CWriteWord(register, word)


def _open_bus(url: str) -> Any:
    number = url.partition(":")[2]
    try:
        if number:
            return importlib.import_module("adafruit_extended_bus").ExtendedI2C(int(number))
        return importlib.import_module("board").I2C()
    except ImportError as error:
        raise LinkNotFound(f"{url}: {error}; pip install 'doumen[i2c]'") from error
    except ValueError as error:
        raise LinkNotFound(f"{url}: {error}; i2c: or i2c:NUMBER is what is understood") from error
    # Blinka says that it knows no board by errors of many kinds, NotImplementedError among them.
    except (OSError, RuntimeError, AttributeError) as error:
        raise LinkNotFound(f"{url}: this computer has no such I2C bus ({error})") from error
