"""bleak on the virtual air: backends for BleakScanner and BleakClient, as bleak has them for each system.

    with Air() as air, use_backends(*backends(air)):
        link = await open_link("ble:")

Each connection is made from a controller of its own: one of bumble's cannot forget a connection attempt that was
given up, and a real adapter's connections do not disturb each other either.
"""

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any, ClassVar, TypeVar, cast

from bleak.args import SizedBuffer
from bleak.assigned_numbers import CharacteristicPropertyName
from bleak.backends.characteristic import BleakGATTCharacteristic
from bleak.backends.client import BaseBleakClient, NotifyCallback
from bleak.backends.descriptor import BleakGATTDescriptor
from bleak.backends.device import BLEDevice
from bleak.backends.scanner import AdvertisementData, AdvertisementDataCallback, BaseBleakScanner
from bleak.backends.service import BleakGATTService, BleakGATTServiceCollection
from bleak.exc import BleakError
from bumble import hci
from bumble.core import UUID, AdvertisingData, BaseBumbleError
from bumble.device import Advertisement, Connection, Device, Peer
from bumble.gatt import Characteristic
from bumble.gatt_client import CharacteristicProxy

from doumen.simulator.air import Air

_MTU = 517  # what hosts ask for; the device answers with what it can
_ATT_HEAD = 3
_PROPERTIES: dict[Characteristic.Properties, CharacteristicPropertyName] = {
    Characteristic.Properties.READ: "read",
    Characteristic.Properties.WRITE_WITHOUT_RESPONSE: "write-without-response",
    Characteristic.Properties.WRITE: "write",
    Characteristic.Properties.NOTIFY: "notify",
    Characteristic.Properties.INDICATE: "indicate",
}

T = TypeVar("T")


def backends(air: Air) -> tuple[type[BaseBleakScanner], type[BaseBleakClient]]:
    """What bleak takes as backend=, for this air."""
    return (
        type("AirScanner", (_AirScanner,), {"air": air}),
        type("AirClient", (_AirClient,), {"air": air}),
    )


async def _in_air(air: Air, work: Coroutine[Any, Any, T]) -> T:
    try:
        return await asyncio.wrap_future(air.run(work))
    except (BaseBumbleError, asyncio.InvalidStateError) as error:
        raise BleakError(f"the virtual air: {error}") from error


class _AirScanner(BaseBleakScanner):
    air: ClassVar[Air]

    def __init__(
        self,
        detection_callback: AdvertisementDataCallback | None,
        service_uuids: list[str] | None,
        *_: Any,
        **__: Any,
    ) -> None:
        super().__init__(detection_callback, service_uuids)
        self._address = ""

    async def start(self) -> None:
        """See bleak."""
        self.seen_devices = {}
        self._loop = asyncio.get_running_loop()
        self._address = self.air.draw_address()
        await _in_air(self.air, self._start())

    async def stop(self) -> None:
        """See bleak."""

        async def off() -> None:
            self.air.power_off(self._address)

        await _in_air(self.air, off())

    async def _start(self) -> None:
        device = await self.air.power_on(self._address)
        device.on(Device.EVENT_ADVERTISEMENT, self._on_advertisement)
        await device.start_scanning(filter_duplicates=False)

    def _on_advertisement(self, heard: Advertisement) -> None:
        self._loop.call_soon_threadsafe(self._tell, str(heard.address), heard.data_bytes)

    def _tell(self, address: str, data: bytes) -> None:
        service_data: dict[str, bytes] = {}
        uuids: list[str] = []
        for kind, content in AdvertisingData.from_bytes(data).ad_structures:
            if kind == AdvertisingData.SERVICE_DATA_128_BIT_UUID:
                service_data[_text(UUID.from_bytes(content[:16]))] = content[16:]
            elif kind == AdvertisingData.COMPLETE_LIST_OF_128_BIT_SERVICE_CLASS_UUIDS:
                uuids.append(_text(UUID.from_bytes(content[:16])))
        if not self.is_allowed_uuid(uuids):
            return
        # bumble says -50 whatever stands where.
        told = AdvertisementData(None, {}, service_data, uuids, None, self.air.rssi(address), ())
        device = self.create_or_update_device(address, address, None, address, told)
        self.call_detection_callbacks(device, told)


class _AirClient(BaseBleakClient):
    air: ClassVar[Air]

    def __init__(
        self,
        address_or_ble_device: BLEDevice | str,
        *,
        disconnected_callback: Callable[[], None] | None,
        timeout: float,
        **kwargs: Any,
    ) -> None:
        super().__init__(address_or_ble_device, disconnected_callback=disconnected_callback, timeout=timeout)
        self._connection: Connection | None = None
        self._own_address = ""
        self._asked_to_leave = False

    @property
    def name(self) -> str:
        """See bleak."""
        return self.address

    @property
    def mtu_size(self) -> int:
        """See bleak."""
        return 23 if self._connection is None else self._connection.att_mtu

    @property
    def is_connected(self) -> bool:
        """See bleak."""
        return self._connection is not None

    async def connect(self, pair: bool, **kwargs: Any) -> None:
        """See bleak."""
        self._loop = asyncio.get_running_loop()
        self._own_address = self.air.draw_address()
        self._asked_to_leave = False
        try:
            await asyncio.wait_for(_in_air(self.air, self._connect()), self._timeout)
        except BaseException:
            await _in_air(self.air, self._off())
            raise

    async def disconnect(self) -> None:
        """See bleak."""
        self._asked_to_leave = True
        await _in_air(self.air, self._off())
        self._connection = None

    async def pair(self, *args: Any, **kwargs: Any) -> None:
        """See bleak."""
        raise NotImplementedError

    async def unpair(self) -> None:
        """See bleak."""
        raise NotImplementedError

    async def read_gatt_char(
        self, characteristic: BleakGATTCharacteristic, *, use_cached: bool = False, **kwargs: Any
    ) -> bytearray:
        """See bleak."""
        proxy = cast("CharacteristicProxy[bytes]", characteristic.obj)
        return bytearray(await _in_air(self.air, self._connected(proxy.read_value())))

    async def write_gatt_char(
        self, characteristic: BleakGATTCharacteristic, data: SizedBuffer, response: bool
    ) -> None:
        """See bleak."""
        proxy = cast("CharacteristicProxy[bytes]", characteristic.obj)
        await _in_air(self.air, self._connected(proxy.write_value(bytes(data), with_response=response)))

    async def start_notify(
        self, characteristic: BleakGATTCharacteristic, callback: NotifyCallback, **kwargs: Any
    ) -> None:
        """See bleak."""

        def on_value(value: bytes) -> None:
            self._loop.call_soon_threadsafe(callback, bytearray(value))

        proxy = cast("CharacteristicProxy[bytes]", characteristic.obj)
        await _in_air(self.air, self._connected(proxy.subscribe(on_value)))

    async def stop_notify(self, characteristic: BleakGATTCharacteristic) -> None:
        """See bleak."""
        proxy = cast("CharacteristicProxy[bytes]", characteristic.obj)
        await _in_air(self.air, self._connected(proxy.unsubscribe()))  # pyright: ignore[reportUnknownMemberType]

    async def read_gatt_descriptor(
        self, descriptor: BleakGATTDescriptor, *, use_cached: bool = False, **kwargs: Any
    ) -> bytearray:
        """See bleak."""
        raise NotImplementedError

    async def write_gatt_descriptor(self, descriptor: BleakGATTDescriptor, data: SizedBuffer) -> None:
        """See bleak."""
        raise NotImplementedError

    async def _connect(self) -> None:
        device = await self.air.power_on(self._own_address)
        connection = await device.connect(hci.Address(self.address), timeout=self._timeout)
        connection.on(Connection.EVENT_DISCONNECTION, self._on_disconnection)
        peer = Peer(connection)
        await peer.request_mtu(_MTU)
        services = BleakGATTServiceCollection()
        for service in await peer.discover_services():
            ours = BleakGATTService(service, service.handle, _text(service.uuid))
            services.add_service(ours)
            for found in await service.discover_characteristics():  # pyright: ignore[reportUnknownMemberType]
                services.add_characteristic(
                    BleakGATTCharacteristic(
                        found,
                        found.handle,
                        _text(found.uuid),
                        [name for flag, name in _PROPERTIES.items() if found.properties & flag],
                        lambda: self.mtu_size - _ATT_HEAD,
                        ours,
                    )
                )
        self.services = services
        self._connection = connection

    async def _off(self) -> None:
        self.air.power_off(self._own_address)

    async def _connected(self, work: Coroutine[Any, Any, T]) -> T:
        """Do this unless, or until, the connection ends."""
        connection = self._connection
        if connection is None:
            work.close()
            raise BleakError("Not connected")
        doing = asyncio.ensure_future(work)
        connection.once(Connection.EVENT_DISCONNECTION, lambda _reason: doing.cancel())  # pyright: ignore
        try:
            return await doing
        except asyncio.CancelledError:
            raise BleakError("the connection ended") from None

    def _on_disconnection(self, _reason: int) -> None:
        self._connection = None
        self.air.power_off(self._own_address)
        if self._disconnected_callback is not None and not self._asked_to_leave:
            self._loop.call_soon_threadsafe(self._disconnected_callback)


def _text(uuid: UUID) -> str:
    """As bleak writes them: 128 bits, in small letters."""
    return str(uuid.to_hex_str("-")).lower() if len(uuid.uuid_bytes) == 16 else _from_short(uuid)


def _from_short(uuid: UUID) -> str:
    return f"{int.from_bytes(uuid.uuid_bytes, 'little'):08x}-0000-1000-8000-00805f9b34fb"
