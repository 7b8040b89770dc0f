"""Constants that no MLX90640 can have, told from its EEPROM.

A random bit error rarely shows in a structure; it shows here, if it shows at all. Ranges are those of physics, not
of the few sensors seen: what is only improbable is a warning.
"""

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from doumen.thermal import pixel_constants
from doumen.thermal.diagnosis import (
    FIRST_PIXEL_WORD,
    MAX_DEVIATING_PIXELS,
    READ_AGAIN,
    Finding,
    Pattern,
    Severity,
)
from doumen.thermal.pixel_constants import signed
from doumen.thermal.pixels import COLUMNS, ROWS

# Bits of ADC that the factory calibrates with, as EE[56] says it: 18.
_USUAL_RESOLUTION = 2


def impossible_constants(words: NDArray[np.uint16], *, strict: bool) -> Iterator[Finding]:
    """Every constant that cannot be, named.

    words: (832,) uint16, from address 0x2400.
    strict: False asks only for what the formulas need, so that the datasheet's example passes.
    Source: MLX90640 datasheet rev 12 §11.2.2.1-9.
    """
    ee: list[int] = words.tolist()
    problems = [*_without_solution(ee), *(_never_seen(ee) if strict else ())]
    if not problems:
        problems += _without_sensitivity(words.astype(np.int64), ee)
    for what in problems:
        yield Finding(
            Pattern.IMPOSSIBLE_CONSTANT, f"The EEPROM holds an impossible constant: {what}", READ_AGAIN
        )
    resolution = ee[56] >> 12 & 3
    if strict and resolution != _USUAL_RESOLUTION:
        yield Finding(
            Pattern.UNUSUAL_CONSTANT,
            f"The EEPROM says that the factory calibrated with {16 + resolution} bits of ADC resolution, "
            f"where others used {16 + _USUAL_RESOLUTION}",
            "read the EEPROM again and compare; the supply voltage must read 3.3 V",
            Severity.WARNING,
        )


def deviating_pixels(words: NDArray[np.uint16]) -> Iterator[Finding]:
    """More than four pixels marked broken or outlier, or two that touch. Source: MLX90640 datasheet §9."""
    pixels = words[FIRST_PIXEL_WORD:].reshape(ROWS, COLUMNS)
    broken, outlier = pixels == 0, (pixels & 1).astype(bool)
    count = int(broken.sum()), int(outlier.sum())
    if sum(count) > MAX_DEVIATING_PIXELS:
        yield Finding(
            Pattern.MANY_DEVIATING_PIXELS,
            f"The EEPROM marks {count[0]} broken and {count[1]} outlier pixels, where a sensor has "
            f"{MAX_DEVIATING_PIXELS} at most",
        )
    pair = _first_pair(broken | outlier)
    if pair is not None:
        (row, column), (other_row, other_column) = pair
        yield Finding(
            Pattern.ADJACENT_DEVIATING_PIXELS,
            f"The EEPROM marks two neighbours as bad, pixels ({row}, {column}) and ({other_row}, {other_column}), "
            "which the factory never ships",
        )


def _first_pair(bad: NDArray[np.bool_]) -> tuple[tuple[int, int], tuple[int, int]] | None:
    """The first two bad pixels that touch, corners included."""
    places: list[tuple[int, int]] = [(int(row), int(column)) for row, column in np.argwhere(bad)]
    # The later neighbours of a place, in the order of `places`.
    known = set(places)
    for row, column in places:
        for other in ((row, column + 1), (row + 1, column - 1), (row + 1, column), (row + 1, column + 1)):
            if other in known:
                return (row, column), other
    return None


def _without_solution(ee: list[int]) -> Iterator[str]:
    """Constants by which the formulas divide, or that must have a sign."""
    if signed(ee[51], 8, 8) >= 0:
        yield _sentence("K_Vdd", signed(ee[51], 8, 8), "must be negative")
    for name, value in (
        ("Kt_PTAT", signed(ee[50], 0, 10)),
        ("V_PTAT25", signed(ee[49], 0, 16)),
        ("gain", signed(ee[48], 0, 16)),
        ("pixel sensitivity (alpha_ref)", ee[33]),
    ):
        if value <= 0:
            yield _sentence(name, value, "must be positive")
    third_c, fourth_c, relative = _hot_ranges(ee)
    if relative <= 0:
        yield f"KsTo lets sensitivity fall to zero between -40 °C and {fourth_c} °C"
    elif third_c < 0 or fourth_c < third_c:
        yield f"corner temperatures are out of order: 0, {third_c}, {fourth_c} °C"


def _never_seen(ee: list[int]) -> Iterator[str]:
    """Constants that the formulas would bear, and no sensor has."""
    for name, zero in (
        ("Kv", ee[52] == 0),
        ("KTa", ee[54] == 0 and ee[55] == 0),
        ("sensitivity of the compensation pixel (alpha_CP)", ee[57] & 0x03FF == 0),
    ):
        if zero:
            yield f"{name} is zero"
    third_c, fourth_c, _ = _hot_ranges(ee)
    if not 0 < third_c < fourth_c:
        yield f"corner temperatures are out of order: 0, {third_c}, {fourth_c} °C"


def _without_sensitivity(wide: NDArray[np.int64], ee: list[int]) -> Iterator[str]:
    """alpha <= 0 of a pixel that is not marked broken, alone or less the compensation pixel's share."""
    tgc = signed(ee[60], 0, 8) / 32
    first = signed(ee[57], 0, 10) / 2.0 ** (27 + (ee[32] >> 12))
    largest = max(tgc * first, tgc * first * (1 + signed(ee[57], 10, 6) / 128))
    left = pixel_constants.alpha(wide) - largest
    sound = wide[FIRST_PIXEL_WORD:].reshape(ROWS, COLUMNS) != 0
    count = int(np.count_nonzero((left <= 0) & sound))
    if count:
        yield f"{count} pixels have no sensitivity (alpha <= 0)"


def _hot_ranges(ee: list[int]) -> tuple[int, int, float]:
    """CT3, CT4 (°C), and the least relative sensitivity where ranges meet. §11.2.2.9.1.1-2."""
    step_c = (ee[63] >> 12 & 3) * 10
    third_c = (ee[63] >> 4 & 15) * step_c
    fourth_c = third_c + (ee[63] >> 8 & 15) * step_c
    scale = 2.0 ** ((ee[63] & 15) + 8)
    ks_to = [signed(word, low_bit, 8) / scale for word in (ee[61], ee[62]) for low_bit in (0, 8)]
    warm = 1 + ks_to[1] * third_c
    return third_c, fourth_c, min(1 + 40 * ks_to[0], warm, warm * (1 + ks_to[2] * (fourth_c - third_c)))


def _sentence(name: str, value: int, rule: str) -> str:
    return f"{name} is zero" if value == 0 else f"{name} reads {value} and {rule}"
