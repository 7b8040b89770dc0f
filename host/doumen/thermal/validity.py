"""Which pixels of a temperature image can be believed, and why the others cannot."""

from enum import IntFlag

import numpy as np
from numpy.typing import ArrayLike, NDArray

from doumen.thermal.calibration import Calibration
from doumen.thermal.conditions import CONTROL_WORD, SUBPAGE_WORD, as_subpages
from doumen.thermal.pixels import COLUMNS, PIXELS, ROWS, subpage_mask

# What the sensor is specified for; hotter and colder than this it still reads, less exactly.
OBJECT_RANGE_C = (-40.0, 300.0)
FULL_SCALE = 0x7FFF, 0x8000

_CHESS_BIT = 0x1000
# By pattern and subpage; the third place is that of an unknown subpage.
MEASURED = np.stack([[subpage_mask(chess, subpage) for subpage in (0, 1, 2)] for chess in (False, True)])


class PixelFlag(IntFlag):
    """Why a pixel is not to be believed; 0 is a good one.

    BROKEN, OUTLIER: the factory marked it. UNMEASURED: the other subpage measures it. OUT_OF_RANGE: no temperature
    comes out, or one that the sensor is not specified for. SATURATED: the word is at the end of its range.
    MOVED: interpolated, because the two halves of the frame show different things.
    """

    BROKEN = 1
    OUTLIER = 2
    UNMEASURED = 4
    OUT_OF_RANGE = 8
    SATURATED = 16
    MOVED = 32


def measured_pixels(subpages: NDArray[np.uint16]) -> NDArray[np.bool_]:
    """Which pixels each of N subpages measured: (N, 834) uint16 to (N, 24, 32); none if the number is unknown."""
    chess = (subpages[:, CONTROL_WORD] & _CHESS_BIT != 0).astype(np.intp)
    return MEASURED[chess, np.minimum(subpages[:, SUBPAGE_WORD], 2)]


def validity(
    calibration: Calibration,
    subpages: ArrayLike,
    image_c: NDArray[np.floating],
    *,
    range_c: tuple[float, float] = OBJECT_RANGE_C,
) -> NDArray[np.uint8]:
    """The reasons against every pixel of N subpages, as sums of `PixelFlag`; every NaN has one.

    subpages: (N, 834) uint16. image_c: (N, 24, 32), °C, what `object_c` made of them.
    Returns (N, 24, 32) uint8.
    Source: MLX90640 datasheet §9 (deviating pixels), §10.6 (patterns), §12 (ranges).
    """
    words = as_subpages(subpages)
    measured = measured_pixels(words)
    counts = words[:, :PIXELS].reshape(-1, ROWS, COLUMNS)
    with np.errstate(invalid="ignore"):
        # A NaN is inside no range.
        outside = ~((image_c >= range_c[0]) & (image_c <= range_c[1]))
    flags = np.where(measured, 0, PixelFlag.UNMEASURED).astype(np.uint8)
    for found, flag in (
        (measured & outside, PixelFlag.OUT_OF_RANGE),
        (measured & np.isin(counts, FULL_SCALE), PixelFlag.SATURATED),
        (calibration.broken, PixelFlag.BROKEN),
        (calibration.outlier, PixelFlag.OUTLIER),
    ):
        flags |= np.where(found, flag, 0).astype(np.uint8)
    return flags


def merged_validity(
    older: NDArray[np.uint8], newer: NDArray[np.uint8], moved: NDArray[np.bool_] | None = None
) -> NDArray[np.uint8]:
    """The reasons against the pixels of a merged frame: the newer half's where it measured, else the older's.

    moved: of `merging.Merged`; a moved pixel is interpolated from good ones, so only that is said of it.
    """
    is_older = newer & PixelFlag.UNMEASURED != 0
    flags = np.where(is_older, older, newer)
    return flags if moved is None else np.where(moved, np.uint8(PixelFlag.MOVED), flags)
