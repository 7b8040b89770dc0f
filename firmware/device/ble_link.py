"""Bluetooth as a link: bytes written to RX come in, bytes go out as notifications of TX.

On the raw interrupt handler: it copies into a ring and raises a flag, everything else happens in tasks. One host
at a time. Before its first word a host can read versions and a random id, nothing that tells one device from
another the next day.
"""

import asyncio
import errno
import os
from time import ticks_diff, ticks_ms

import bluetooth
from micropython import const

from device.errors import LinkError
from doumen_wire import air

_CENTRAL_CONNECT = const(1)
_CENTRAL_DISCONNECT = const(2)
_GATTS_WRITE = const(3)
_MTU_EXCHANGED = const(21)

_RING = const(2048)  # a packet of the greatest length, while the session is busy with the one before
_ATTRIBUTE = const(512)  # NimBLE's default of 20 cuts longer writes without a word
_SMALLEST_MTU = const(23)
_INTERVAL_US = const(250000)
_RANDOM_ADDRESS = const(1)
_RETRY_MS = const(5)
_STUCK_MS = const(5000)
_AGAIN_MS = const(500)


class BleLink:
    """As SerialLink, but that read returns no bytes at all when what follows is another connection's."""

    def __init__(self, info):
        """info: what INFO tells. Raises LinkError if the address would be one that never changes."""
        self._ring = bytearray(_RING)
        self._put = self._got = 0  # bytes ever written to the ring, and read from it
        self._connection = None
        self._mtu = _SMALLEST_MTU
        self._is_new = False
        self._is_advertising = False
        self._wake = asyncio.ThreadSafeFlag()
        self._turn = asyncio.Lock()
        self.overrun = 0  # writes dropped because nobody read
        ble = self._ble = bluetooth.BLE()
        ble.active(True)
        ble.config(mtu=air.MTU, gap_name="doumen")
        ble.irq(self._on_event)
        uuid = bluetooth.UUID
        characteristics = (
            (uuid(air.RX), bluetooth.FLAG_WRITE | bluetooth.FLAG_WRITE_NO_RESPONSE),
            (uuid(air.TX), bluetooth.FLAG_NOTIFY),
            (uuid(air.INFO), bluetooth.FLAG_READ),
        )
        ((self._rx, self._tx, handle),) = ble.gatts_register_services(((uuid(air.SERVICE), characteristics),))
        ble.gatts_set_buffer(self._rx, _ATTRIBUTE, True)
        ble.gatts_write(handle, info)
        # The port ignores a failure in silence: an id that changes beside an address that does not hides nobody.
        before = ble.config("mac")
        ble.config(addr_mode=_RANDOM_ADDRESS)
        if ble.config("mac") == before:
            ble.active(False)
            raise LinkError("the radio keeps its factory address; nothing is sent")
        self._advertisement = air.pack_advertisement(os.urandom(air.ID_BYTES))

    async def read(self):
        """The bytes that have come in; none at all: another connection begins."""
        while True:
            if self._is_new:
                self._is_new = False
                return b""
            if self._put != self._got:
                return self._take()
            if self._connection is None and not self._is_advertising and not self._advertise():
                await asyncio.sleep_ms(_AGAIN_MS)
            else:
                await self._wake.wait()

    async def write(self, view):
        """All of it, in pieces that the connection carries. Without a connection, or after it, nobody hears it."""
        await self._turn.acquire()
        try:
            connection = self._connection
            sent = 0
            moved_ms = ticks_ms()
            # A new connection that the session does not know of yet must not hear what the last one asked for.
            while sent < len(view) and connection is not None and connection == self._connection:
                if self._is_new:
                    return
                piece = view[sent : sent + min(self._mtu - 3, air.MAX_CHUNK)]
                try:
                    self._ble.gatts_notify(connection, self._tx, piece)
                except OSError as error:
                    # The numbers differ from port to port, the names do not.
                    if error.errno != errno.ENOMEM:
                        return  # the connection is gone; the disconnect event is on its way
                    if ticks_diff(ticks_ms(), moved_ms) > _STUCK_MS:
                        self._ble.gap_disconnect(
                            connection
                        )  # who connects and takes nothing blocks the others
                        return
                    await asyncio.sleep_ms(_RETRY_MS)
                else:
                    sent += len(piece)
                    moved_ms = ticks_ms()
        finally:
            self._turn.release()

    def _take(self):
        got = self._got
        begin = got % _RING
        data = bytes(memoryview(self._ring)[begin : min(_RING, begin + self._put - got)])
        # Not +=: should the interrupt skip what is left meanwhile, this must not run past its end.
        self._got = got + len(data)
        return data

    def _advertise(self):
        self._is_advertising = True
        try:
            self._ble.gap_advertise(_INTERVAL_US, self._advertisement)
        except OSError as error:
            self._is_advertising = False
            print("ble:", error)
        return self._is_advertising

    def _on_event(self, event, data):
        """The radio's interrupt: at any moment, between any two steps of the tasks."""
        if event == _GATTS_WRITE:
            if data[0] == self._connection and data[1] == self._rx:
                self._keep(self._ble.gatts_read(self._rx))
        elif event == _CENTRAL_CONNECT:
            self._is_advertising = False  # connecting ends it
            self._connection = data[0]
            self._mtu = _SMALLEST_MTU
            self._got = self._put
            self._is_new = True
        elif event == _CENTRAL_DISCONNECT:
            if data[0] == self._connection:
                self._connection = None
        elif event == _MTU_EXCHANGED and data[0] == self._connection:
            self._mtu = data[1]
        self._wake.set()

    def _keep(self, data):
        size = len(data)
        if size > _RING - (self._put - self._got):
            self.overrun += 1
            return  # shows as a bad CRC: the host asks again
        begin = self._put % _RING
        first = min(size, _RING - begin)
        self._ring[begin : begin + first] = data[:first]
        self._ring[: size - first] = data[first:]
        self._put += size
