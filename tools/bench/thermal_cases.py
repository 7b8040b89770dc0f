"""The golden cases of the vendor's library, and Adafruit's driver without a bus, for the thermal bench."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import adafruit_mlx90640
import numpy as np
from numpy.typing import NDArray

from doumen.thermal.calibration import Calibration, Mode

DATA = Path(__file__).parents[2] / "tests/data/mlx90640"
REAL_SENSORS = ("melexis_example/", "signaloid/", "cswank_zig/")
EMISSIVITY = 0.95
OPEN_AIR_SHIFT_C = 8


class Case(NamedTuple):
    """One golden case: words and settings in, the vendor's temperatures out."""

    name: str
    eeprom: NDArray[np.uint16]
    subpage: NDArray[np.uint16]
    settings: dict[str, float]
    object_c: NDArray[np.float64]

    def calibration(self, mode: Mode) -> Calibration:
        return Calibration.from_eeprom(
            self.eeprom, mode=mode, strict=not self.name.startswith("datasheet_example")
        )


def golden_cases() -> Iterator[Case]:
    with np.load(DATA / "vendor_golden.npz") as data:
        arrays = {key: data[key] for key in data.files}
    for place, name in enumerate(arrays["name"]):
        yield Case(
            name=str(name),
            eeprom=arrays["eeprom"][place],
            subpage=arrays["ram"][place][np.newaxis],
            settings={
                "emissivity": float(arrays["emissivity"][place]),
                "reflected_c": float(arrays["ta"][place] - arrays["ta_minus_tr"][place]),
            },
            object_c=arrays["to"][place].reshape(24, 32).astype(np.float64),
        )


class AdafruitFrame:
    """adafruit-circuitpython-mlx90640 on one recorded frame: its arithmetic, as `getFrame` calls it, no bus."""

    def __init__(self, eeprom: NDArray[np.uint16], frame: NDArray[np.uint16]) -> None:
        self._driver: Any = adafruit_mlx90640.MLX90640(_Eeprom(eeprom))
        self._rows: list[list[int]] = frame.tolist()
        self.object_c = [0.0] * 768

    def __call__(self) -> list[float]:
        for row in self._rows:
            reflected_c = self._driver._GetTa(row) - OPEN_AIR_SHIFT_C
            self._driver._CalculateTo(row, EMISSIVITY, reflected_c, self.object_c)
        return self.object_c


class _Eeprom:
    """An I2C bus that answers from an EEPROM, which is all the driver reads until a frame is asked for."""

    def __init__(self, words: NDArray[np.uint16]) -> None:
        self._bytes = words.astype(">u2").tobytes()

    def try_lock(self) -> bool:
        return True

    def unlock(self) -> None:
        pass

    def writeto(self, address: int, buffer: bytes, **_: int) -> None:
        pass

    def writeto_then_readfrom(
        self, address: int, out: bytearray, into: bytearray, *, in_start: int = 0, in_end: int, **_: int
    ) -> None:
        # Registers other than the EEPROM's, such as the refresh rate, read as whatever word comes first.
        start = max(0, 2 * (int.from_bytes(out[:2], "big") - 0x2400)) % len(self._bytes)
        into[in_start:in_end] = (self._bytes[start:] + self._bytes)[: in_end - in_start]
