"""A full frame of a sensor with all that is to be said about it."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from doumen.thermal.calibration import Calibration
from doumen.thermal.conditions import CONTROL_WORD
from doumen.thermal.frame_checks import FrameFlag, check_subpages
from doumen.thermal.pixels import merge, repair
from doumen.thermal.temperature import ambient_c, object_c, supply_v
from doumen.thermal.validity import PixelFlag, merged_validity, validity

Words = NDArray[np.uint16]

_CHESS = 0x1000
_MOST_NAMED = 4


@dataclass(frozen=True, slots=True)
class SensorView:
    """A full frame, °C, and what there is to say about it. flags: (24, 32), sums of `PixelFlag`."""

    frame_c: NDArray[np.floating]
    flags: NDArray[np.uint8]
    ambient_c: float
    supply_v: float
    warnings: tuple[str, ...]

    def captions(self) -> list[str]:
        """Lines for people."""
        lines = [f"Ta {self.ambient_c:.1f} °C   Vdd {self.supply_v:.2f} V   {self._bad_words()}"]
        if np.isfinite(self.frame_c).any():
            low, high = np.nanargmin(self.frame_c), np.nanargmax(self.frame_c)
            lines.insert(
                0,
                f"min {self._pixel(low)}   max {self._pixel(high)}   mean {np.nanmean(self.frame_c):.1f} °C",
            )
        if self.warnings:
            lines.append(f"look out: {', '.join(self.warnings)}")
        return lines

    def as_json(self) -> dict[str, object]:
        """JSON values, °C to the hundredth."""
        rounded = np.round(self.frame_c.astype(np.float64), 2)
        known = rounded[np.isfinite(rounded)]
        return {
            "min_c": float(known.min()) if known.size else None,
            "max_c": float(known.max()) if known.size else None,
            "ambient_c": _finite(self.ambient_c),
            "supply_v": _finite(self.supply_v),
            "bad_pixels": [
                {
                    "row": int(row),
                    "column": int(column),
                    "why": _names(PixelFlag(int(self.flags[row, column]))),
                }
                for row, column in np.argwhere(self.flags)
            ],
            "warnings": list(self.warnings),
            "frame_c": [[_finite(each) for each in row] for row in rounded.tolist()],
        }

    def _pixel(self, place: np.intp) -> str:
        row, column = divmod(int(place), self.frame_c.shape[1])
        return f"{self.frame_c[row, column]:.1f} °C at ({row}, {column})"

    def _bad_words(self) -> str:
        bad = [(int(row), int(column)) for row, column in np.argwhere(self.flags)]
        if not bad:
            return "no bad pixels"
        named = ", ".join(
            f"({row}, {column}) {' and '.join(_names(PixelFlag(int(self.flags[row, column]))))}"
            for row, column in bad[:_MOST_NAMED]
        )
        return f"{len(bad)} bad pixels: {named}{' ...' if len(bad) > _MOST_NAMED else ''}"


def view_of(eeprom: Words, halves: Words, emissivity: float) -> SensorView:
    """The frame that two subpages, (2, 834), make; raises CalibrationError if the EEPROM is not a sensor's.

    That one repeats the other is not told: recordings in a loop do.
    """
    calibration = Calibration.from_eeprom(eeprom)
    images_c = object_c(calibration, halves, emissivity=emissivity)
    flags = validity(calibration, halves, images_c)
    chess = bool(halves[1, CONTROL_WORD] & _CHESS)
    images_c = repair(images_c, calibration.broken | calibration.outlier, chess=chess)
    noticed = FrameFlag(int(np.bitwise_or.reduce(check_subpages(calibration, halves))) & ~FrameFlag.REPEATED)
    return SensorView(
        merge(images_c[0], images_c[1]),
        merged_validity(flags[0], flags[1]),
        float(ambient_c(calibration, halves)[1]),
        float(supply_v(calibration, halves)[1]),
        tuple(_names(noticed)),
    )


def _names(flags: PixelFlag | FrameFlag) -> list[str]:
    return [(each.name or "").lower().replace("_", " ") for each in flags]


def _finite(value: float) -> float | None:
    return round(value, 3) if np.isfinite(value) else None
