"""A sensor on this computer's own bus: Adafruit's driver for the registers, a simulated chip for the sensor."""

import asyncio
import time

import numpy as np
import pytest

from doumen.errors import LinkLost, LinkNotFound
from doumen.pipeline import GatePipeline
from doumen.simulator.chips import Mlx90640
from doumen.simulator.demo_world import demo_settings
from doumen.sources import I2cSensor, open_device

from ..end_to_end.devices import real_sensor, sensor_words


class Bus:
    """What busio.I2C offers, with one register-level chip on it, in real time."""

    def __init__(self, chip: Mlx90640) -> None:
        self._chip = chip

    def try_lock(self) -> bool:
        return True

    def unlock(self) -> None:
        pass

    def writeto(self, address: int, buffer: bytes, *, start: int = 0, end: int | None = None) -> None:
        data = bytes(buffer[start:end])
        if address != self._chip.address or not self._chip.present:
            raise OSError(19, "ENODEV")
        if len(data) == 4:
            register, word = int.from_bytes(data[:2], "big"), int.from_bytes(data[2:], "big")
            assert self._chip.write(register, word, time.monotonic_ns() // 1000) is not None

    def readfrom_into(self, address: int, buffer: bytearray) -> None:
        if address != self._chip.address or not self._chip.present:
            raise OSError(19, "ENODEV")

    def writeto_then_readfrom(
        self,
        address: int,
        out: bytes,
        into: bytearray,
        *,
        out_start: int = 0,
        out_end: int | None = None,
        in_start: int = 0,
        in_end: int | None = None,
    ) -> None:
        stop = len(into) if in_end is None else in_end
        register = int.from_bytes(bytes(out[out_start:out_end]), "big")
        read = self._chip.read(register, (stop - in_start) // 2, time.monotonic_ns() // 1000)
        if address != self._chip.address or read is None:
            raise OSError(19, "ENODEV")
        words, ready_us = read
        time.sleep(max(0.0, ready_us / 1e6 - time.monotonic()))
        into[in_start:stop] = words.astype(">u2").tobytes()


def test_a_wired_sensor_delivers_the_words_that_it_holds() -> None:
    chip = real_sensor()
    subpages, eeprom = sensor_words("melexis_example")

    async def listen() -> None:
        async with I2cSensor("i2c:", Bus(chip)) as sensor:
            assert np.array_equal(await sensor.eeprom(), eeprom)
            assert len(sensor.identity.device_id) == 16
            await sensor.stream(True)
            pipeline = GatePipeline(await sensor.eeprom(), demo_settings("sqlite://"))
            for i in range(8):
                subpage = await sensor.subpage(5)
                assert subpage.sequence == i
                assert np.array_equal(subpage.words[:832], subpages[subpage.words[833]][:832])
                pipeline.feed(subpage.ticks_ms, subpage.words)
            assert 20 < np.nanmedian(pipeline.frame_c) < 40
            assert (await sensor.status())["subpages"] >= 8

    asyncio.run(listen())
    assert chip.eeprom_writes == 0


def test_a_wired_sensor_that_is_unplugged_is_lost() -> None:
    chip = real_sensor()

    async def listen() -> None:
        async with I2cSensor("i2c:", Bus(chip)) as sensor:
            await sensor.stream(True)
            await sensor.subpage(5)
            chip.present = False
            with pytest.raises(LinkLost, match="wires"):
                await listen_on(sensor)

    async def listen_on(sensor: I2cSensor) -> None:
        while True:
            await sensor.subpage(5)

    asyncio.run(listen())


def test_a_sensor_whose_eeprom_cannot_be_read_is_read_all_the_same() -> None:
    chip = real_sensor()
    chip.eeprom = np.full(832, 0xFFFF, np.uint16)

    async def look() -> None:
        async with I2cSensor("i2c:", Bus(chip)) as sensor:
            assert set((await sensor.eeprom()).tolist()) == {0xFFFF}

    asyncio.run(look())


def test_a_bus_without_a_sensor_says_what_to_check() -> None:
    chip = real_sensor()
    chip.present = False

    async def look() -> None:
        with pytest.raises(LinkNotFound, match="check SDA"):
            I2cSensor("i2c:", Bus(chip))

    asyncio.run(look())


@pytest.mark.parametrize("url", ["i2c:", "i2c:x", "i2c:99"])
def test_a_computer_without_such_a_bus_says_so_in_one_line(url: str) -> None:
    with pytest.raises(LinkNotFound) as caught:
        asyncio.run(open_device(url))
    assert "\n" not in str(caught.value)
