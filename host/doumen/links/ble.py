"""Bluetooth: a byte pipe made of writes without response in and notifications out, through bleak.

    ble:                      whichever of our devices is heard loudest
    ble:F0:12:34:56:78:9A     this one (on macOS: the UUID that the system gives it)

Addresses and ids on the air change; who it is a device says in its session.
"""

import asyncio
import re
from collections.abc import Generator
from contextlib import contextmanager, suppress
from contextvars import ContextVar
from dataclasses import dataclass

from bleak import BleakClient, BleakScanner
from bleak.backends.characteristic import BleakGATTCharacteristic
from bleak.backends.client import BaseBleakClient
from bleak.backends.device import BLEDevice
from bleak.backends.scanner import AdvertisementData, BaseBleakScanner
from bleak.exc import BleakBluetoothNotAvailableError, BleakBluetoothNotAvailableReason, BleakError

from doumen.errors import LinkError, LinkLost, LinkNotFound
from doumen_wire import air

SCAN_S = 8.0
_LISTEN_ON_S = 0.6  # after the first one: a louder one may advertise next
_CONNECT_S = 15.0
# Each so manieth piece waits for its answer, so that a long write cannot overrun what lies between here and there.
_ANSWERED_EVERY = 8
_MOST_UNREAD = 4096  # notifications; a megabyte

_ADDRESS = re.compile(r"[0-9A-F]{2}(:[0-9A-F]{2}){5}|[0-9A-F]{8}(-[0-9A-F]{4}){3}-[0-9A-F]{12}")

_Backends = tuple[type[BaseBleakScanner] | None, type[BaseBleakClient] | None]
_backends: ContextVar[_Backends] = ContextVar("bleak backends", default=(None, None))


@dataclass(frozen=True, slots=True)
class Heard:
    """One of our devices as it was heard last. shown: the id on the air."""

    address: str
    shown: bytes
    rssi: int
    device: BLEDevice


@contextmanager
def use_backends(scanner: type[BaseBleakScanner], client: type[BaseBleakClient]) -> Generator[None]:
    """Within, bleak works with these backends instead of the system's: the virtual air, for one."""
    token = _backends.set((scanner, client))
    try:
        yield
    finally:
        _backends.reset(token)


async def scan(seconds: float) -> list[Heard]:
    """Our devices that were heard during so many seconds, the loudest first. Raises LinkError without Bluetooth."""
    return await _listen("ble:", seconds, None)


class BleLink:
    """An open connection."""

    def __init__(self, name: str, device: BLEDevice) -> None:
        self.name = name
        self._received: asyncio.Queue[bytes | None] = asyncio.Queue()
        self._lost = "the connection was closed"
        self._is_over = False
        self._writing = asyncio.Lock()
        self._client = BleakClient(
            device, self._on_disconnect, timeout=_CONNECT_S, backend=_backends.get()[1]
        )
        self._rx: BleakGATTCharacteristic | None = None

    @classmethod
    async def open(cls, url: str) -> "BleLink":
        """Scan, connect and subscribe.

        Raises LinkNotFound if no such device is heard, LinkError without Bluetooth, LinkLost if connecting fails.
        """
        address = url.partition(":")[2].strip().upper()
        if address and not _ADDRESS.fullmatch(address):
            raise LinkNotFound(
                f"{url}: that is no address; name one like ble:F0:12:34:56:78:9A, or any by ble:"
            )
        heard = await _listen(url, SCAN_S, address)
        if not heard:
            whom = f"no device with this address within {SCAN_S:.0f} s" if address else "none of our devices"
            raise LinkNotFound(
                f'{url}: {whom} is heard; is it near, switched on, and "ble" true in its settings?'
            )
        link = cls(f"ble:{heard[0].address}", heard[0].device)
        try:
            await link._connect()
        except (BleakError, OSError, EOFError, TimeoutError) as error:
            await link.close()
            raise LinkLost(
                f"{link.name}: connecting failed ({_said(error)}); go nearer and try again"
            ) from error
        except BaseException:
            await link.close()
            raise
        return link

    async def read(self) -> bytes:
        """See Link."""
        data = await self._received.get()
        if data is None:
            self._received.put_nowait(None)  # whoever asks next is told too
            raise LinkLost(f"{self.name}: {self._lost}")
        return data

    async def write(self, data: bytes) -> None:
        """See Link."""
        async with self._writing:
            if self._is_over or self._rx is None:
                raise LinkLost(f"{self.name}: {self._lost}")
            number = 0
            sent = 0
            try:
                while sent < len(data):
                    # Asked each time: some systems learn it only after a while. On BlueZ the client's mtu_size is 23.
                    size = min(self._rx.max_write_without_response_size, air.MAX_CHUNK)
                    number += 1
                    answered = number % _ANSWERED_EVERY == 0
                    await self._client.write_gatt_char(self._rx, data[sent : sent + size], response=answered)
                    sent += size
            except (BleakError, OSError, EOFError, TimeoutError) as error:
                raise LinkLost(f"{self.name}: {_said(error)}; is it still near?") from error

    async def info(self) -> bytes:
        """What a device tells before any session: versions. Raises LinkLost."""
        try:
            return bytes(await self._client.read_gatt_char(air.INFO))
        except (BleakError, OSError, EOFError, TimeoutError) as error:
            raise LinkLost(f"{self.name}: {_said(error)}; is it still near?") from error

    async def close(self) -> None:
        """See Link."""
        self._end("the connection was closed")
        with suppress(BleakError, OSError, EOFError, TimeoutError):
            await self._client.disconnect()

    async def _connect(self) -> None:
        await self._client.connect()
        self._rx = self._client.services.get_characteristic(air.RX)
        if self._rx is None:
            raise LinkError(f"{self.name}: it has no byte pipe of ours; update its firmware or this host")
        await self._client.start_notify(air.TX, self._on_notification)

    def _on_notification(self, _characteristic: BleakGATTCharacteristic, data: bytearray) -> None:
        # Beyond that nobody reads any more: what is dropped shows as a bad CRC and is asked for again.
        if not self._is_over and self._received.qsize() < _MOST_UNREAD:
            self._received.put_nowait(bytes(data))

    def _on_disconnect(self, _client: BleakClient) -> None:
        self._end("the connection broke off; is it still near and switched on?")

    def _end(self, why: str) -> None:
        if not self._is_over:
            self._is_over = True
            self._lost = why
            self._received.put_nowait(None)


async def _listen(url: str, seconds: float, address: str | None) -> list[Heard]:
    """Until the time is over or the one that is sought was heard ("": any; None: all there are)."""
    heard: dict[str, Heard] = {}
    found = asyncio.Event()

    def on_advertisement(device: BLEDevice, told: AdvertisementData) -> None:
        shown = told.service_data.get(air.SERVICE)
        if shown is None or (address and device.address.upper() != address):
            return
        heard[device.address] = Heard(device.address, shown, told.rssi, device)
        found.set()

    try:
        # Not by service_uuids: a UUID list does not fit into the advertisement beside the service data.
        async with BleakScanner(on_advertisement, backend=_backends.get()[0]):
            if address is None:
                await asyncio.sleep(seconds)
            else:
                with suppress(TimeoutError):
                    await asyncio.wait_for(found.wait(), seconds)
                    await asyncio.sleep(0 if address else _LISTEN_ON_S)
    except (BleakError, OSError, EOFError, ImportError) as error:
        raise LinkError(f"{url}: {_no_bluetooth(error)}") from error
    return sorted(heard.values(), key=lambda each: -each.rssi)


def _no_bluetooth(error: Exception) -> str:
    if isinstance(error, BleakBluetoothNotAvailableError):
        remedy = {
            BleakBluetoothNotAvailableReason.NO_BLUETOOTH: "plug in an adapter",
            BleakBluetoothNotAvailableReason.POWERED_OFF: "switch Bluetooth on",
            BleakBluetoothNotAvailableReason.DENIED_BY_USER: "allow it in the system's privacy settings",
        }.get(error.reason, "switch Bluetooth on and allow this program to use it")
        return f"Bluetooth cannot be used; {remedy}"
    if isinstance(error, OSError):  # BlueZ is asked over D-Bus, and there is none
        return "this system has no Bluetooth service; install and start bluez, or use a serial port"
    return f"Bluetooth cannot be used ({_said(error)}); is an adapter there, on, and permitted?"


def _said(error: BaseException) -> str:
    return " ".join(str(error).split()) or type(error).__name__
