"""The radio of one simulated board: the firmware's `bluetooth` commands on a controller of the virtual air.

Commands come from the bench's thread and are obeyed in the air's, in their order; events go back the same way.
"""

import asyncio
import json
import struct
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field

from bumble import att, hci
from bumble.core import BaseBumbleError
from bumble.device import Advertisement, Connection, Device
from bumble.gatt import Characteristic, CharacteristicValue, Service

from doumen.simulator.air import Air
from doumen.simulator.board import OPS

CONNECT, DISCONNECT, READ_REQUEST, SCAN_RESULT, SCAN_DONE = 1, 2, 4, 5, 6
INDICATE_DONE, MTU_EXCHANGED, CONNECTION_UPDATE = 20, 21, 27

_WRITABLE = Characteristic.Properties.WRITE | Characteristic.Properties.WRITE_WITHOUT_RESPONSE
_READ_S = 5.0


@dataclass
class _Settings:
    mtu: int = 256
    address: str = ""
    name: str = ""
    services: list[tuple[str, list[tuple[str, int, int]]]] = field(
        default_factory=list[tuple[str, list[tuple[str, int, int]]]]
    )


class Radio:
    """A radio that stands somewhere. `hear` is given (op, payload) of everything the board shall know."""

    def __init__(self, air: Air, position_m: tuple[float, float] = (1.0, 0.0)) -> None:
        self._air = air
        self._position_m = position_m
        self._settings = _Settings()
        self._raised: _Settings | None = None  # what the device below was made of
        self._device: Device | None = None
        self._characteristics: dict[int, Characteristic[bytes]] = {}
        self._connections: dict[int, Connection] = {}
        self._readers: dict[tuple[int, int], asyncio.Future[bytes]] = {}
        self._commands: asyncio.Queue[tuple[int, bytes]] = asyncio.Queue()
        self._scan_end: asyncio.TimerHandle | None = None
        self.hear: Callable[[int, bytes], None] = lambda op, data: None
        self._task = air.run(self._obey())

    @property
    def address(self) -> str:
        """The one it was last told to use."""
        return self._settings.address

    def obey(self, op: int, payload: bytes) -> None:
        """One command of the firmware's. From any thread."""
        with suppress(RuntimeError):  # the air is gone, and the board soon will be
            self._air.loop.call_soon_threadsafe(self._commands.put_nowait, (op, payload))

    def go_silent(self) -> None:
        """The board has lost its power or restarts. From any thread."""
        self.obey(OPS["BLE_ACTIVE"], b"\0")

    def cut(self) -> None:
        """Tear the connections, as when a badge walks out of range. From any thread."""
        self.obey(OPS["BLE_DISCONNECT"], b"")

    async def _obey(self) -> None:
        handlers: dict[int, Callable[[bytes], object]] = {
            OPS["BLE_SETTINGS"]: self._on_settings,
            OPS["BLE_SERVICES"]: self._on_services,
            OPS["BLE_NOTIFY"]: self._on_notify,
            OPS["BLE_VALUE"]: self._on_value,
        }
        while True:
            op, payload = await self._commands.get()
            try:
                if op in handlers:
                    handlers[op](payload)
                elif op == OPS["BLE_ACTIVE"]:
                    if not payload[0]:
                        self._power_off()
                elif op == OPS["BLE_ADVERTISE"]:
                    await self._advertise(payload)
                elif op == OPS["BLE_SCAN"]:
                    await self._scan(struct.unpack("<i", payload)[0])
                elif op == OPS["BLE_DISCONNECT"]:
                    await self._disconnect(payload)
                elif op == OPS["BLE_INDICATE"]:
                    await self._indicate(payload)
            except BaseBumbleError:
                continue  # the connection ended meanwhile: the event that says so is under way

    def _on_settings(self, payload: bytes) -> None:
        mtu, _kind = struct.unpack_from("<HB", payload)
        address = ":".join(f"{byte:02X}" for byte in payload[3:9])
        self._settings = _Settings(mtu, address, payload[9:].decode(), self._settings.services)
        self._air.place(address, self._position_m)

    def _on_services(self, payload: bytes) -> None:
        told = self._settings
        self._settings = _Settings(told.mtu, told.address, told.name, json.loads(payload))

    async def _up(self) -> Device:
        """The device as the settings want it: another address or service needs another one."""
        if self._device is None or self._raised != self._settings:
            self._power_off()
            device = await self._air.power_on(self._settings.address, self._settings.name)
            device.gatt_server.max_mtu = self._settings.mtu
            self._characteristics = {}
            for uuid, characteristics in self._settings.services:
                device.add_service(Service(uuid, [self._characteristic(*each) for each in characteristics]))
            device.on(Device.EVENT_CONNECTION, self._on_connection)
            device.on(Device.EVENT_ADVERTISEMENT, self._on_advertisement)
            self._air.link.on_sent[self._settings.address] = lambda: self.hear(OPS["BLE_SENT"], b"\1")
            self._device = device
            self._raised = self._settings
        return self._device

    def _power_off(self) -> None:
        if self._raised is not None:
            self._air.link.on_sent.pop(self._raised.address, None)
            self._air.power_off(self._raised.address)
        self._device = self._raised = None
        self._connections.clear()

    def _characteristic(self, uuid: str, flags: int, handle: int) -> Characteristic[bytes]:
        properties = Characteristic.Properties(flags)

        async def read(connection: Connection) -> bytes:
            return await self._read(connection, handle)

        def write(connection: Connection, value: bytes) -> None:
            # bumble does not look at the permissions of a write.
            if not properties & _WRITABLE:
                raise att.ATT_Error(att.ATT_WRITE_NOT_PERMITTED_ERROR)
            number = self._number(connection)
            if number is not None:
                self.hear(OPS["BLE_WRITTEN"], struct.pack("<HH", number, handle) + value)

        permissions = Characteristic.Permissions.WRITEABLE
        if properties & Characteristic.Properties.READ:
            permissions |= Characteristic.Permissions.READABLE
        made = Characteristic[bytes](uuid, properties, permissions, CharacteristicValue(read, write))
        self._characteristics[handle] = made

        def on_subscription(connection: Connection, notify: bool, indicate: bool) -> None:
            number = self._number(connection)
            if number is not None:
                self.hear(OPS["BLE_SUBSCRIBED"], struct.pack("<HHB", number, handle, notify + 2 * indicate))

        made.on(Characteristic.EVENT_SUBSCRIPTION, on_subscription)
        return made

    async def _read(self, connection: Connection, handle: int) -> bytes:
        number = self._number(connection)
        if number is None:
            raise att.ATT_Error(att.ATT_UNLIKELY_ERROR_ERROR)
        answer: asyncio.Future[bytes] = asyncio.get_running_loop().create_future()
        self._readers[number, handle] = answer
        self._event(READ_REQUEST, struct.pack("<HH", number, handle))
        return await asyncio.wait_for(answer, _READ_S)

    def _on_value(self, payload: bytes) -> None:
        number, handle, error = struct.unpack_from("<HHB", payload)
        answer = self._readers.pop((number, handle), None)
        if answer is None or answer.done():
            return
        if error:
            answer.set_exception(att.ATT_Error(att.ErrorCode(error)))
        else:
            answer.set_result(payload[5:])

    async def _advertise(self, payload: bytes) -> None:
        interval_us, _connectable = struct.unpack_from("<IB", payload)
        if interval_us == 0:
            if self._device is not None:
                await self._device.stop_advertising()
            return
        device = await self._up()
        interval_ms = interval_us / 1000
        await device.start_advertising(
            advertising_data=payload[5:],
            advertising_interval_min=interval_ms,
            advertising_interval_max=interval_ms,
        )

    async def _scan(self, duration_ms: int) -> None:
        device = await self._up()
        if self._scan_end is not None:
            self._scan_end.cancel()
        if duration_ms < 0:
            await device.stop_scanning()
            self._event(SCAN_DONE, b"")
            return
        await device.start_scanning(filter_duplicates=False)
        if duration_ms:
            stop = (OPS["BLE_SCAN"], struct.pack("<i", -1))
            self._scan_end = self._air.loop.call_later(duration_ms / 1000, self._commands.put_nowait, stop)

    def _on_advertisement(self, heard: Advertisement) -> None:
        rssi = self._air.rssi(str(heard.address), self._position_m)
        fields = struct.pack("<B6sBb", 1, _over_the_air(heard.address), 0, rssi)
        self._event(SCAN_RESULT, fields + heard.data_bytes)

    def _on_connection(self, connection: Connection) -> None:
        number = next(n for n in range(len(self._connections) + 1) if n not in self._connections)
        self._connections[number] = connection
        fields = struct.pack("<HB6s", number, 1, _over_the_air(connection.peer_address))

        def on_disconnection(_reason: int) -> None:
            if self._connections.pop(number, None) is not None:
                self._event(DISCONNECT, fields)

        def on_mtu() -> None:
            self._event(MTU_EXCHANGED, struct.pack("<HH", number, connection.att_mtu))

        def on_parameters() -> None:
            units = round(self._air.interval_s * 800)  # of 1.25 ms
            self._event(CONNECTION_UPDATE, struct.pack("<HHHHB", number, units, 0, 500, 0))

        connection.on(Connection.EVENT_DISCONNECTION, on_disconnection)
        connection.on(Connection.EVENT_CONNECTION_ATT_MTU_UPDATE, on_mtu)
        connection.on(Connection.EVENT_CONNECTION_PARAMETERS_UPDATE, on_parameters)
        self._event(CONNECT, fields)

    def _on_notify(self, payload: bytes) -> None:
        number, handle = struct.unpack_from("<HH", payload)
        connection = self._connections.get(number)
        if connection is None or self._device is None:
            return
        notification = att.ATT_Handle_Value_Notification(
            attribute_handle=self._characteristics[handle].handle,
            attribute_value=payload[4:][: connection.att_mtu - 3],
        )
        # As NimBLE does, whoever has subscribed; bumble's own way would look for subscribers first.
        self._device.gatt_server.send_gatt_pdu(connection, bytes(notification))

    async def _indicate(self, payload: bytes) -> None:
        number, handle = struct.unpack_from("<HH", payload)
        connection = self._connections.get(number)
        if connection is None or self._device is None:
            return
        status = 0
        try:
            await self._device.gatt_server.indicate_subscriber(
                connection, self._characteristics[handle], payload[4:], force=True
            )
        except (BaseBumbleError, TimeoutError):
            status = 1
        self._event(INDICATE_DONE, payload[:4] + bytes((status,)))

    async def _disconnect(self, payload: bytes) -> None:
        numbers = [struct.unpack("<H", payload)[0]] if payload else list(self._connections)
        reason = (
            hci.HCI_REMOTE_USER_TERMINATED_CONNECTION_ERROR if payload else hci.HCI_CONNECTION_TIMEOUT_ERROR
        )
        for number in numbers:
            if connection := self._connections.get(number):
                await connection.disconnect(reason)

    def _number(self, connection: Connection) -> int | None:
        return next((n for n, known in self._connections.items() if known is connection), None)

    def _event(self, number: int, fields: bytes) -> None:
        self.hear(OPS["BLE_EVENT"], bytes((number,)) + fields)


def _over_the_air(address: hci.Address) -> bytes:
    """The six bytes in the order in which they are written down, as MicroPython gives them."""
    return bytes(reversed(bytes(address)))
