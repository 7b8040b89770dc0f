"""Serial ports, and whatever else pyserial opens by a URL.

pyserial blocks, so one thread a port reads and hands bytes to the event loop: the same on Linux, macOS, Windows.
"""

import asyncio
import errno
import threading

import serial

from doumen.errors import LinkError, LinkLost, LinkNotFound

BAUD = 921_600  # 115,200 cannot carry 16 subpages a second
_PATIENCE_S = 0.1
_CHUNK = 65_536
# More than this unread means nobody reads any more; the thread waits instead of filling memory.
_MOST_UNREAD = 64


class SerialLink:
    """An open serial port."""

    def __init__(self, name: str, port: serial.Serial) -> None:
        self.name = name
        self._port = port
        self._loop = asyncio.get_running_loop()
        self._received: asyncio.Queue[bytes | None] = asyncio.Queue()
        self._room = threading.Semaphore(_MOST_UNREAD)
        self._closing = False
        self._lost = "the port was closed"
        self._thread = threading.Thread(target=self._pump, name=f"read {name}", daemon=True)
        self._thread.start()

    @classmethod
    async def open(cls, url: str) -> "SerialLink":
        """Open it, without resetting the device by DTR or RTS.

        Raises LinkNotFound if there is no such port, LinkError if it is in use or not permitted.
        """
        return cls(url, await asyncio.to_thread(_open, url))

    async def read(self) -> bytes:
        """See Link."""
        data = await self._received.get()
        if data is None:
            self._received.put_nowait(None)  # whoever asks next is told too
            raise LinkLost(f"{self.name}: {self._lost}")
        self._room.release()
        return data

    async def write(self, data: bytes) -> None:
        """See Link."""
        try:
            await asyncio.to_thread(self._port.write, data)
        except (serial.SerialException, OSError, TypeError) as error:  # TypeError: pyserial after a close
            raise LinkLost(f"{self.name}: {error}; is it still plugged in?") from error

    async def close(self) -> None:
        """See Link."""
        self._closing = True
        self._room.release()
        await asyncio.to_thread(self._thread.join)
        self._port.close()

    def _pump(self) -> None:
        while not self._closing:
            try:
                waiting: int = self._port.in_waiting
                data: bytes = self._port.read(max(1, min(waiting, _CHUNK)))
            except (serial.SerialException, OSError, TypeError) as error:
                self._lost = f"{error}; is it still plugged in?"
                break
            if data:
                self._room.acquire()
                self._tell(data)
        self._tell(None)

    def _tell(self, data: bytes | None) -> None:
        try:
            self._loop.call_soon_threadsafe(self._received.put_nowait, data)
        except RuntimeError:
            self._closing = True  # the event loop has ended: nobody will ever read


def _open(url: str) -> serial.Serial:
    try:
        port = serial.serial_for_url(
            url, baudrate=BAUD, timeout=_PATIENCE_S, write_timeout=5, exclusive=True, do_not_open=True
        )
        # On development boards these lines hold the chip in reset.
        port.dtr = False
        port.rts = False
        port.open()
    except ValueError as error:
        raise LinkNotFound(f"{url}: {error}; name a port like /dev/ttyUSB0 or socket://host:port") from error
    except (serial.SerialException, OSError) as error:
        raise _in_words(url, error) from error
    return port


def _in_words(url: str, error: OSError) -> LinkError:
    if error.errno == errno.ENOENT or "FileNotFoundError" in str(error):
        return LinkNotFound(f"{url}: no such port; `doumen devices --ports` lists those that are there")
    if error.errno == errno.EACCES or "PermissionError" in str(error):
        return LinkError(
            f"{url}: no permission; add yourself to the port's group (dialout on Debian) and sign in again"
        )
    if error.errno in (errno.EBUSY, errno.EAGAIN):
        return LinkError(f"{url}: another program uses it; close that first")
    return LinkError(f"{url}: {error}; is the device plugged in and switched on?")
