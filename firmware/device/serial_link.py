"""A serial port as a link: bytes in, bytes out, never blocking the rest of the device.

The board hands in the port: a stream that asyncio can poll, whose read(n) returns what is there without waiting
for n bytes, and whose write(view) returns how many bytes it took (None or 0 when it is full).
"""

import asyncio

from micropython import const

_CHUNK = const(512)
_RETRY_MS = const(2)


class SerialLink:
    """One task reads; writers take turns, a whole packet each."""

    def __init__(self, port):
        self._port = port
        self._reader = asyncio.StreamReader(port)
        self._turn = asyncio.Lock()

    async def read(self):
        """The bytes that have come in, at least one."""
        while True:
            data = await self._reader.read(_CHUNK)
            if data:
                return data
            await asyncio.sleep_ms(_RETRY_MS)

    async def write(self, view):
        """All of it, however long the other side takes to read."""
        await self._turn.acquire()
        try:
            sent = 0
            while sent < len(view):
                took = self._port.write(view[sent:])
                if took:
                    sent += took
                else:
                    await asyncio.sleep_ms(_RETRY_MS)
        finally:
            self._turn.release()
