"""BLE links without firmware: an echo on the virtual air, and the ways in which Bluetooth can be missing."""

import asyncio
import json
import os
import struct
from collections.abc import Awaitable, Callable

import pytest
from bleak.exc import BleakBluetoothNotAvailableError, BleakBluetoothNotAvailableReason, BleakError

from doumen.errors import LinkError, LinkLost, LinkNotFound
from doumen.links import Link, ble, open_link
from doumen.simulator.air import Air
from doumen.simulator.air_backend import backends
from doumen.simulator.board import OPS
from doumen.simulator.radio import Radio
from doumen_wire import air as on_air

EVERY_BYTE = bytes(range(256)) * 9
RX, TX, INFO = 18, 20, 23


class Echo:
    """A device that notifies what is written to it; pieces: as they came in."""

    def __init__(self, air: Air, address: str, position_m: tuple[float, float] = (1.0, 0.0)) -> None:
        self.address = address
        self.pieces: list[bytes] = []
        self.radio = Radio(air, position_m)
        self.radio.hear = self._hear
        kind_and_address = b"\1" + bytes.fromhex(address.replace(":", ""))
        self.radio.obey(OPS["BLE_SETTINGS"], struct.pack("<H", on_air.MTU) + kind_and_address + b"echo")
        layout = [(on_air.RX, 0x0C, RX), (on_air.TX, 0x10, TX), (on_air.INFO, 0x02, INFO)]
        self.radio.obey(OPS["BLE_SERVICES"], json.dumps([(on_air.SERVICE, layout)]).encode())
        self.advertise()

    def advertise(self) -> None:
        self.radio.obey(
            OPS["BLE_ADVERTISE"], struct.pack("<IB", 20_000, 1) + on_air.pack_advertisement(b"8 bytes.")
        )

    def _hear(self, op: int, data: bytes) -> None:
        if op == OPS["BLE_WRITTEN"]:
            connection = struct.unpack_from("<H", data)[0]
            self.pieces.append(data[4:])
            self.radio.obey(OPS["BLE_NOTIFY"], struct.pack("<HH", connection, TX) + data[4:])


async def read_exactly(link: Link, size: int) -> bytes:
    data = b""
    async with asyncio.timeout(10):
        while len(data) < size:
            data += await link.read()
    return data


def run_on(air: Air, work: Callable[[], Awaitable[None]]) -> None:
    with ble.use_backends(*backends(air)):
        asyncio.run(asyncio.wait_for(work(), 20))


def opening_fails(url: str) -> LinkError:
    with pytest.raises(LinkError) as raised:
        asyncio.run(open_link(url))
    assert "\n" not in str(raised.value)
    assert str(raised.value).startswith(url)
    assert ";" in str(raised.value) or "?" in str(raised.value), "what to do about it"
    return raised.value


def test_every_byte_passes_both_ways_in_pieces_that_the_connection_carries() -> None:
    with Air() as air:
        echo = Echo(air, "F0:00:00:00:AA:01")

        async def talk() -> None:
            link = await open_link("BLE:f0:00:00:00:aa:01")
            assert link.name == "ble:F0:00:00:00:AA:01"
            await link.write(EVERY_BYTE)
            assert await read_exactly(link, len(EVERY_BYTE)) == EVERY_BYTE
            assert [len(piece) for piece in echo.pieces] == [244] * 9 + [108]
            await link.close()

        run_on(air, talk)


def test_a_megabit_passes_whole_and_the_air_is_no_bottleneck() -> None:
    data = os.urandom(1 << 17)
    with Air() as air:
        Echo(air, "F0:00:00:00:AA:01")

        async def talk() -> None:
            link = await open_link("ble:")
            writing = asyncio.create_task(link.write(data))
            assert await read_exactly(link, len(data)) == data
            await writing
            await link.close()

        run_on(air, talk)


def test_without_an_address_the_loudest_is_taken_and_a_scan_lists_them_by_loudness() -> None:
    with Air() as air:
        for number, distance_m in enumerate((8.0, 2.0, 4.0)):
            Echo(air, f"F0:00:00:00:AA:0{number}", (distance_m, 0.0))

        async def look() -> None:
            heard = await ble.scan(0.3)
            assert [each.address[-1] for each in heard] == ["1", "2", "0"]
            assert [each.rssi for each in heard] == [-65, -71, -77]
            assert {each.shown for each in heard} == {b"8 bytes."}
            link = await open_link("ble:")
            assert link.name.endswith("AA:01")
            await link.close()

        run_on(air, look)


def test_a_connection_that_breaks_is_a_lost_link_for_everyone_who_asks() -> None:
    with Air() as air:
        echo = Echo(air, "F0:00:00:00:AA:01")

        async def break_off() -> None:
            link = await open_link("ble:")
            waiting = asyncio.create_task(link.read())
            await asyncio.sleep(0.05)
            echo.radio.cut()
            for reading in (waiting, link.read()):
                with pytest.raises(LinkLost, match="is it still near"):
                    async with asyncio.timeout(5):
                        await reading
            with pytest.raises(LinkLost):
                await link.write(b"hello")
            await link.close()
            await link.close()
            echo.advertise()
            again = await open_link(f"ble:{echo.address}")
            await again.write(b"hello")
            assert await read_exactly(again, 5) == b"hello"
            await again.close()

        run_on(air, break_off)


def test_closing_ends_a_read_that_waits() -> None:
    with Air() as air:
        Echo(air, "F0:00:00:00:AA:01")

        async def close() -> None:
            link = await open_link("ble:")
            waiting = asyncio.create_task(link.read())
            await asyncio.sleep(0.05)
            await link.close()
            with pytest.raises(LinkLost, match="closed"):
                async with asyncio.timeout(5):
                    await waiting

        run_on(air, close)


def test_where_nobody_advertises_the_line_says_what_to_look_at(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ble, "SCAN_S", 0.2)
    with Air() as air, ble.use_backends(*backends(air)):
        Echo(air, "F0:00:00:00:AA:01")
        assert isinstance(opening_fails("ble:F0:00:00:00:AA:02"), LinkNotFound)
    with Air() as air, ble.use_backends(*backends(air)):
        assert "switched on" in str(opening_fails("ble:"))


@pytest.mark.parametrize(
    ("error", "remedy"),
    [
        (FileNotFoundError(2, "No such file or directory"), "install and start bluez"),
        (BleakError("org.bluez.Error.NotReady\nResource Not Ready"), "is an adapter there"),
        (
            BleakBluetoothNotAvailableError("off", BleakBluetoothNotAvailableReason.POWERED_OFF),
            "switch Bluetooth on",
        ),
        (
            BleakBluetoothNotAvailableError("none", BleakBluetoothNotAvailableReason.NO_BLUETOOTH),
            "plug in an adapter",
        ),
        (
            BleakBluetoothNotAvailableError("?", BleakBluetoothNotAvailableReason.UNKNOWN),
            "allow this program to use it",
        ),
    ],
)
def test_a_computer_without_bluetooth_is_told_what_to_do(error: Exception, remedy: str) -> None:
    with Air() as air:
        scanner, client = backends(air)

        async def refuse(_self: object) -> None:
            raise error

        refusing = type("Refusing", (scanner,), {"start": refuse})
        with ble.use_backends(refusing, client):
            assert remedy in str(opening_fails("ble:"))


def test_a_device_that_goes_away_while_connecting_is_a_lost_link(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ble, "_CONNECT_S", 0.5)
    with Air() as air:
        Echo(air, "F0:00:00:00:AA:01")

        async def go_away() -> None:
            [heard] = await ble.scan(0.2)
            air.interval_s = 60.0  # heard, but no packet comes through
            with pytest.raises(LinkLost, match="connecting failed"):
                await open_link(f"ble:{heard.address}")
            air.interval_s = 0.0

        run_on(air, go_away)
