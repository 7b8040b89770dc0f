"""What is suspicious about a subpage as a whole, before anybody believes its temperatures."""

from enum import IntFlag

import numpy as np
from numpy.typing import ArrayLike, NDArray

from doumen.thermal.calibration import Calibration
from doumen.thermal.conditions import CONTROL_WORD, SUBPAGE_WORD, as_subpages, conditions
from doumen.thermal.pixels import PIXELS
from doumen.thermal.validity import MEASURED, measured_pixels

SUPPLY_V = (3.25, 3.35)
AMBIENT_C = (-40.0, 85.0)
WARM_UP_MS = 240_000

_NO_WORD = 0x7FFF
_CHESS_BIT = 0x1000
_GAIN = 778
# RAM 0x0700, 0x070A, 0x0720, 0x072A, and the compensation pixel of subpage 0 and 1. The other auxiliary words read
# 0x7FFF on sound sensors too.
_NEEDED = np.array([768, _GAIN, 800, 810])
_COMPENSATION = np.array([776, 808])
# Fewer changed words than this show no pattern.
_FEW_CHANGES = 64
_NEARLY_ALL, _TOO_FEW = 0.95, 0.75


class FrameFlag(IntFlag):
    """What was noticed about a subpage; 0 is a good one.

    REPEATED: not one of its pixels differs from the RAM before: a second read of the same measurement, a sensor
        that stands still, or a recording in a loop; no damage by itself.
    WORDS_7FFF: a pixel that the factory called sound, or an auxiliary word that is needed, holds no reading.
    ZERO_GAIN, SUPPLY_OUT_OF_RANGE (3.3 ± 0.05 V), AMBIENT_OUT_OF_RANGE (-40..85 °C): as they say.
    WARM_UP: the sensor has had power for less than four minutes.
    UNKNOWN_SUBPAGE: neither 0 nor 1. PATTERN_MISMATCH: the words that changed are not those of the pattern and
        subpage that it names. UNCALIBRATED_PATTERN: not read in the pattern that the factory calibrated in.
    """

    REPEATED = 1
    WORDS_7FFF = 2
    ZERO_GAIN = 4
    SUPPLY_OUT_OF_RANGE = 8
    AMBIENT_OUT_OF_RANGE = 16
    WARM_UP = 32
    UNKNOWN_SUBPAGE = 64
    PATTERN_MISMATCH = 128
    UNCALIBRATED_PATTERN = 256


def check_subpages(
    calibration: Calibration,
    subpages: ArrayLike,
    previous: NDArray[np.uint16] | None = None,
    *,
    uptime_ms: ArrayLike | None = None,
) -> NDArray[np.uint16]:
    """What is suspicious about each of N subpages of one sensor, in the order in which they came.

    subpages: (N, 834) uint16. previous: (834,) uint16, the subpage before the first of them, if known.
    uptime_ms: how long the sensor had had power, ms; a number or (N,). None: not known, so no warm-up is told.
    Returns (N,) uint16, sums of `FrameFlag`.
    Source: MLX90640 datasheet §10.6 (patterns), §12 (supply, range), §12.2.2 (thermal stabilisation).
    """
    words = as_subpages(subpages)
    now = conditions(calibration, words)
    chess = words[:, CONTROL_WORD] & _CHESS_BIT != 0
    warm = np.asarray(WARM_UP_MS if uptime_ms is None else uptime_ms) >= WARM_UP_MS
    repeated, mismatched = _compared(words, previous)
    flags = np.zeros(len(words), np.uint16)
    for found, flag in (
        (repeated, FrameFlag.REPEATED),
        (_without_reading(calibration, words), FrameFlag.WORDS_7FFF),
        (words[:, _GAIN] == 0, FrameFlag.ZERO_GAIN),
        (~_inside(now.supply_v, SUPPLY_V), FrameFlag.SUPPLY_OUT_OF_RANGE),
        (~_inside(now.ambient_c, AMBIENT_C), FrameFlag.AMBIENT_OUT_OF_RANGE),
        (~warm, FrameFlag.WARM_UP),
        (words[:, SUBPAGE_WORD] > 1, FrameFlag.UNKNOWN_SUBPAGE),
        (mismatched, FrameFlag.PATTERN_MISMATCH),
        (chess != calibration.chess_calibrated, FrameFlag.UNCALIBRATED_PATTERN),
    ):
        flags |= np.where(found, flag, 0).astype(np.uint16)
    return flags


def _inside(values: NDArray[np.float64], limits: tuple[float, float]) -> NDArray[np.bool_]:
    """A NaN is not inside."""
    with np.errstate(invalid="ignore"):
        return (values >= limits[0]) & (values <= limits[1])


def _without_reading(calibration: Calibration, words: NDArray[np.uint16]) -> NDArray[np.bool_]:
    sound = ~(calibration.broken | calibration.outlier).ravel()
    expected = measured_pixels(words).reshape(-1, PIXELS) & sound
    own = words[np.arange(len(words)), _COMPENSATION[np.minimum(words[:, SUBPAGE_WORD], 1)]]
    return (
        np.any((words[:, :PIXELS] == _NO_WORD) & expected, axis=1)
        | np.any(words[:, _NEEDED] == _NO_WORD, axis=1)
        | (own == _NO_WORD)
    )


def _compared(
    words: NDArray[np.uint16], previous: NDArray[np.uint16] | None
) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """Of each subpage: whether it repeats the RAM before it, and whether another pattern's words changed."""
    before = words[:1] if previous is None else previous[np.newaxis]
    before = np.concatenate([before, words[:-1]])[: len(words)]
    changed = words[:, :PIXELS] != before[:, :PIXELS]
    own = measured_pixels(words).reshape(-1, PIXELS)
    in_own = np.count_nonzero(changed & own, axis=1)
    repeated = own.any(axis=1) & (in_own == 0)
    if previous is None:
        repeated[:1] = False
    count = np.count_nonzero(changed, axis=1)
    # Pixels that changed in each of the four patterns there are.
    masks = MEASURED[:, :2].reshape(4, PIXELS)
    most = np.count_nonzero(changed[:, np.newaxis] & masks, axis=2).max(axis=1)
    mismatched = (count >= _FEW_CHANGES) & (most >= _NEARLY_ALL * count) & (in_own < _TOO_FEW * count)
    # A recording in a loop goes back to RAM in which the other half is older, and its own the same.
    mismatched &= ~(repeated & (words[:, SUBPAGE_WORD] != before[:, SUBPAGE_WORD]))
    return repeated & ~mismatched, mismatched
