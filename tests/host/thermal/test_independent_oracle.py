"""A third opinion on real frames: Adafruit's driver, fed by a bus that answers from memory."""

import adafruit_mlx90640
import numpy as np
import pytest

from doumen.thermal.calibration import Calibration
from doumen.thermal.pixels import merge
from doumen.thermal.temperature import object_c

EEPROM, RAM, STATUS, CONTROL = 0x2400, 0x0400, 0x8000, 0x800D
NEW_DATA = 0x0008


class RecordedSensor:
    """An I2C bus with one MLX90640 at 0x33 that gives its recorded subpages in turn, each once."""

    def __init__(self, eeprom, subpages):
        self.memory = {EEPROM + place: int(word) for place, word in enumerate(eeprom)}
        self.waiting = list(subpages)
        self.looks_since_block = 0
        self.store_next_subpage()

    def store_next_subpage(self):
        if self.waiting:
            row = self.waiting.pop(0)
            self.memory.update({RAM + place: int(word) for place, word in enumerate(row[:832])})
            self.memory[CONTROL] = int(row[832])
            self.memory[STATUS] = NEW_DATA | int(row[833])
            self.looks_since_block = -1000

    def try_lock(self):
        return True

    def unlock(self):
        pass

    def writeto(self, address, buffer, *, start=0, end=None):
        assert address == 0x33
        message = bytes(buffer[start:end])
        if message[:2] == STATUS.to_bytes(2, "big"):
            self.memory[STATUS] &= ~NEW_DATA

    def writeto_then_readfrom(
        self, address, out, into, *, out_start=0, out_end=None, in_start=0, in_end=None
    ):
        assert address == 0x33
        first = int.from_bytes(bytes(out[out_start:out_end]), "big")
        if first == RAM:
            self.looks_since_block = 0
        if first == STATUS:
            # The driver looks once right after its block; the next subpage must not be there yet.
            self.looks_since_block += 1
            if self.looks_since_block == 2:
                self.store_next_subpage()
        words = [self.memory[first + place] for place in range((in_end - in_start) // 2)]
        into[in_start:in_end] = np.array(words, ">u2").tobytes()


@pytest.mark.parametrize("sensor", ["melexis_example/", "signaloid/"])
@pytest.mark.parametrize(("mode", "allowed_k"), [("vendor", 1e-4), ("datasheet", 2e-3)])
def test_adafruits_driver_sees_the_same_frame(real_sensors, sensor, mode, allowed_k):
    older, newer = real_sensors[sensor]
    driver = adafruit_mlx90640.MLX90640(RecordedSensor(older.eeprom, [*older.subpages, *newer.subpages]))
    frame = [0.0] * 768
    driver.getFrame(frame)

    calibration = Calibration.from_eeprom(older.eeprom, mode=mode)
    images_c = object_c(calibration, np.concatenate([older.subpages, newer.subpages]))
    ours = merge(images_c[0], images_c[1])
    assert np.abs(ours - np.reshape(frame, (24, 32))).max() <= allowed_k
