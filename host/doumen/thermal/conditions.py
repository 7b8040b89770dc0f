"""What the auxiliary words of a subpage say: supply voltage, ambient temperature, gain, compensation pixel.

A subpage is a row of 834 words: 768 pixels (RAM 0x0400), 64 auxiliary words (0x0700), control register 1
(0x800D) and the subpage number.
"""

import struct
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from doumen.thermal.calibration import Calibration

SUBPAGE_WORDS = 834
CONTROL_WORD, SUBPAGE_WORD = 832, 833
KELVIN = 273.15

Floats = NDArray[np.float64]

# RAM 0x0700 Ta_Vbe, 0x0708 CP SP0, 0x070A gain, 0x0720 Ta_PTAT, 0x0728 CP SP1, 0x072A Vdd.
_WORDS = np.array([768, 776, 778, 800, 808, 810, CONTROL_WORD, SUBPAGE_WORD])
# The same words of one row. Unpacking takes 0.1 us, indexing an array with an array and making numbers of it 1.7.
_ROW = struct.Struct("=1536x h14xh2xh42xh14xh2xh42xhh")
_DERIVED = 11
# A sensor in open air sees surroundings about 8 K colder than itself (Melexis, MLX90640 driver).
_OPEN_AIR_SHIFT_C = 8.0
# Up to here Python numbers beat numpy's overhead of half a microsecond an operation.
_FEW_ROWS = 8


class RowConditions(NamedTuple):
    """The circumstances of one subpage as plain numbers; see `Conditions`. NaN where the words give none."""

    pattern: int
    supply_v: float
    ambient_c: float
    ambient_k4: float
    open_air_k4: float
    gain: float
    offset: float
    offset_kta: float
    offset_kv: float
    offset_kta_kv: float
    compensation: float


class Conditions(NamedTuple):
    """The circumstances of N subpages. Where the words give no number the values are not finite.

    pattern: (N,), the place in `PATTERNS`, or 4 and more where there is no such subpage.
    supply_v: (N,), V. ambient_c: (N,), °C, Ta.
    ambient_k4, open_air_k4: (N, 1), Ta and Ta - 8 K, in K to the fourth power.
    factors: (N, 6); for an emissivity of 1, u = V_ir / alpha_comp of a pixel is factors[:, 0] times its raw
        count over its alpha, less factors[:, 1:] times its `Table.offset_terms`.
    """

    pattern: Floats
    supply_v: Floats
    ambient_c: Floats
    ambient_k4: Floats
    open_air_k4: Floats
    factors: Floats


# Reading pattern (chess or not) and subpage.
PATTERNS = ((False, 0), (True, 0), (False, 1), (True, 1))
_NO_PATTERN = RowConditions(len(PATTERNS), *(float("nan"),) * (_DERIVED - 1))


def conditions(calibration: Calibration, subpages: NDArray[np.uint16]) -> Conditions:
    """What the auxiliary words of (N, 834) uint16 subpages say.

    Source: MLX90640 datasheet §11.2.2.1-8.
    """
    derived = np.empty((_DERIVED, len(subpages)))
    if len(subpages) <= _FEW_ROWS:
        for place, row in enumerate(row_conditions(calibration, subpages)):
            derived[:, place] = row
    else:
        words = subpages.view(np.int16)[:, _WORDS].T
        numbers = words.astype(np.float64)
        with np.errstate(all="ignore"):
            columns = _derive(calibration, 1.0, *numbers[:6], *words[6:].astype(np.int64))
            for place, column in enumerate(columns):
                derived[place] = column
    return Conditions(
        pattern=derived[0],
        supply_v=derived[1],
        ambient_c=derived[2],
        ambient_k4=derived[3, :, np.newaxis],
        open_air_k4=derived[4, :, np.newaxis],
        factors=derived[5:].T,
    )


def row_conditions(
    calibration: Calibration, subpages: NDArray[np.uint16], inverse_emissivity: float = 1.0
) -> list[RowConditions]:
    """`conditions` of each row, without arrays: the quicker way for a few rows."""
    return [_derive_row(calibration, inverse_emissivity, words) for words in _ROW.iter_unpack(subpages.data)]


def as_subpages(subpages: ArrayLike) -> NDArray[np.uint16]:
    """The argument as a contiguous (N, 834) uint16 array; ValueError if it is something else."""
    words = np.asarray(subpages)
    if words.dtype != np.uint16 or words.ndim != 2 or words.shape[1] != SUBPAGE_WORDS:
        raise ValueError(
            f"subpages are (N, {SUBPAGE_WORDS}) uint16 words, these are {words.shape} {words.dtype}"
        )
    return np.ascontiguousarray(words)


def _derive_row(calibration: Calibration, inverse_emissivity: float, words: tuple[int, ...]) -> RowConditions:
    try:
        return RowConditions(*_derive(calibration, inverse_emissivity, *words))
    except ZeroDivisionError:
        return _NO_PATTERN


def _derive(
    calibration: Calibration,
    inverse_emissivity: float,
    vbe: Any,
    cp_0: Any,
    gain: Any,
    ptat: Any,
    cp_1: Any,
    vdd: Any,
    control: Any,
    subpage: Any,
) -> tuple[Any, ...]:
    """The columns of `Conditions` from signed words: plain arithmetic, on numbers as on arrays of numbers."""
    cal = calibration
    # §11.2.2.1-2. The ADC resolution of this reading may differ from that of the calibration.
    resolution = 2.0**cal.resolution / (1 << (control >> 10 & 3))
    higher = (resolution * vdd - cal.vdd_25) / cal.k_vdd
    supply_v = higher + 3.3
    # §11.2.2.3
    art = ptat / (ptat * cal.alpha_ptat + vbe) * 2.0**18
    warmer = (art / (1 + cal.kv_ptat * higher) - cal.v_ptat_25) / cal.kt_ptat
    ambient_k = warmer + (25 + KELVIN)
    open_air_k = ambient_k - _OPEN_AIR_SHIFT_C
    ambient_k2, open_air_k2 = ambient_k * ambient_k, open_air_k * open_air_k
    # §11.2.2.4
    gain_factor = cal.gain / gain
    # §11.2.2.6. Outside the calibrated pattern the second compensation pixel needs a correction of its own.
    # What a number other than 0 and 1 does here is lost: such a subpage has no temperatures.
    chess = control >> 12 & 1
    cp_offset_0, cp_offset_1 = cal.cp_offset
    correction = (chess != cal.chess_calibrated) * cal.il_chess[0]
    cp_offset = cp_offset_0 + subpage * (cp_offset_1 - cp_offset_0 + correction)
    cp_drift = (1 + cal.cp_kta * warmer) * (1 + cal.cp_kv * higher)
    compensation = (cp_0 + subpage * (cp_1 - cp_0)) * gain_factor - cp_offset * cp_drift
    # §11.2.2.8: KsTa changes the sensitivity of all pixels alike.
    scale = inverse_emissivity / (1 + cal.ks_ta * warmer)
    warmer_scale = warmer * scale
    return (
        chess + 2 * (subpage & 0xFFFF),
        supply_v,
        warmer + 25,
        ambient_k2 * ambient_k2,
        open_air_k2 * open_air_k2,
        gain_factor * scale,
        scale,
        warmer_scale,
        higher * scale,
        higher * warmer_scale,
        cal.tgc * compensation * scale,
    )
