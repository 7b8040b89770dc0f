"""Sensor words to temperatures: pure functions over any number of subpages.

A subpage is a row of 834 words: 768 pixels (RAM 0x0400), 64 auxiliary words (0x0700), control register 1
(0x800D) and the subpage number. Rows need not be in order, and may mix subpages and patterns.

How it is made fast. With u = V_ir / alpha_comp and T in K, the datasheet's To (§11.2.2.9) is three fourth
roots, each dividing u by the sensitivity at the temperature that the one before gave:

    T0 = (u + Tr4)^(1/4)        T1 = (u / s(T0) + Tr4)^(1/4)        To = (u / s(T1) + Tr4)^(1/4)

with s(T) = 1 + KsTo2 * (T - 273.15) in the basic range: six square roots and two divisions a pixel, no
alpha³ * V_ir that would overflow float32. Offset, KTa, Kv, IL correction and compensation pixel of many
subpages are one matrix product. Rows are worked through in blocks that stay in the processor's cache.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, DTypeLike, NDArray

from doumen.thermal.calibration import Calibration
from doumen.thermal.pixels import COLUMNS, ROWS, subpage_mask

SUBPAGE_WORDS = 834
PIXELS = ROWS * COLUMNS
KELVIN = 273.15
# A sensor in open air sees surroundings about 8 K colder than itself (MLX90640 driver guide, Melexis).
OPEN_AIR_SHIFT_C = 8.0

Floats = NDArray[np.float64]
Reals = NDArray[Any]

_TA_VBE, _CP_SUBPAGE_0, _GAIN, _TA_PTAT, _CP_SUBPAGE_1, _VDD = 768, 776, 778, 800, 808, 810
_AUXILIARY = [_TA_VBE, _CP_SUBPAGE_0, _GAIN, _TA_PTAT, _CP_SUBPAGE_1, _VDD]
_CONTROL, _SUBPAGE = 832, 833
# Six float32 arrays of one block fit a 1 MB second-level cache.
_BLOCK_ROWS = 64


@dataclass(frozen=True, slots=True)
class Conditions:
    """What the auxiliary words of N subpages say; every field (N,).

    supply_v: V. ambient_c: °C. gain: factor on every count (§11.2.2.4).
    compensation: pix_OS_CP of the row's own subpage, counts (§11.2.2.6).
    chess: the reading pattern. subpage: 0, 1, or what else stands there.
    """

    supply_v: Floats
    ambient_c: Floats
    gain: Floats
    compensation: Floats
    chess: NDArray[np.bool_]
    subpage: NDArray[np.uint16]


@dataclass(frozen=True, slots=True)
class Table:
    """The constants of the 384 pixels that one subpage measures, in the order of `index`.

    index: (384,) positions in the row of words. inverse_alpha: (384,) K⁴ per count.
    offset_terms: (5, 384), K⁴; its product with `offset_factors` is what offset, IL correction and compensation
    pixel take away.
    """

    index: NDArray[np.intp]
    inverse_alpha: Reals
    offset_terms: Reals


def supply_v(calibration: Calibration, subpages: ArrayLike) -> Floats:
    """Supply voltage. (N, 834) uint16 to (N,) float64, V. Source: MLX90640 datasheet §11.2.2.1-2."""
    return conditions(calibration, subpages).supply_v


def ambient_c(calibration: Calibration, subpages: ArrayLike) -> Floats:
    """Temperature of the sensor itself, Ta. (N, 834) uint16 to (N,) float64, °C; NaN where the words give none.

    Source: MLX90640 datasheet §11.2.2.3.
    """
    return conditions(calibration, subpages).ambient_c


def object_c(
    calibration: Calibration,
    subpages: ArrayLike,
    *,
    emissivity: ArrayLike = 0.95,
    reflected_c: ArrayLike | None = None,
    dtype: DTypeLike = np.float32,
) -> Reals:
    """Object temperature of every pixel of N subpages.

    subpages: (N, 834) uint16, see above; not modified.
    emissivity, reflected_c (°C): a number, (N,) or a (24, 32) map. None means Ta - 8, as in open air.
    dtype: float32 is within 1e-4 K of float64 up to 400 °C.
    Returns (N, 24, 32), °C; NaN where unmeasured or where the physics has no solution. Pixels that the factory
    marked broken or outlier are computed like the others: see `pixels.repair`.
    Raises ValueError for arrays of another shape or kind.
    Source: MLX90640 datasheet §11.2.2.9.
    """
    words = _as_subpages(subpages)
    image_c = np.full((len(words), ROWS, COLUMNS), np.nan, dtype)
    with np.errstate(all="ignore"):
        now = conditions(calibration, words)
        emissivity_2d = _as_2d("emissivity", emissivity, len(words))
        reflected_2d = now.ambient_c[:, None] - OPEN_AIR_SHIFT_C
        if reflected_c is not None:
            reflected_2d = _as_2d("reflected_c", reflected_c, len(words))
        scale = count_scale(calibration, now, emissivity_2d)
        radiation = surroundings_k4(now, emissivity_2d, reflected_2d)
        factors = offset_factors(calibration, now)

        raw = words[:, :PIXELS].view(np.int16)
        flat = image_c.reshape(-1, PIXELS)
        for chess in (True, False):
            for subpage in (0, 1):
                rows = np.flatnonzero((now.chess == chess) & (now.subpage == subpage))
                table = table_of(calibration, chess, subpage, np.dtype(dtype))
                for start in range(0, len(rows), _BLOCK_ROWS):
                    block = rows[start : start + _BLOCK_ROWS]
                    u = raw[block[:, None], table.index].astype(dtype)
                    u *= now.gain[block, None].astype(dtype)
                    u *= table.inverse_alpha
                    u -= factors[block].astype(dtype) @ table.offset_terms
                    u *= pick(scale, block, table).astype(dtype)
                    kelvin = solve(calibration, u, pick(radiation, block, table).astype(dtype))
                    kelvin -= np.asarray(KELVIN, dtype)
                    flat[block[:, None], table.index] = kelvin
    return image_c


def conditions(calibration: Calibration, subpages: ArrayLike) -> Conditions:
    """Supply, ambient temperature, gain and compensation pixel of N subpages.

    NaN where the words give no number, such as a gain word of zero.
    Source: MLX90640 datasheet §11.2.2.1-6.
    """
    words = _as_subpages(subpages)
    vbe, cp_0, gain, ptat, cp_1, vdd = words[:, _AUXILIARY].view(np.int16).T.astype(np.float64)
    control = words[:, _CONTROL]
    chess = (control & 0x1000) != 0
    subpage = words[:, _SUBPAGE]
    cal = calibration
    with np.errstate(divide="ignore", invalid="ignore"):
        resolution = 2.0**cal.resolution / (1 << (control >> 10 & 3))
        supply = (resolution * vdd - cal.vdd_25) / cal.k_vdd + 3.3
        art = ptat / (ptat * cal.alpha_ptat + vbe) * 2.0**18
        ambient = (art / (1 + cal.kv_ptat * (supply - 3.3)) - cal.v_ptat_25) / cal.kt_ptat + 25
        ambient[~np.isfinite(ambient)] = np.nan
        gain_factor = cal.gain / gain
        gain_factor[gain == 0] = np.nan

    second = subpage == 1
    # Outside the calibrated pattern the second compensation pixel needs its own correction (§11.2.2.6.2).
    cp_offset = np.where(
        second, cal.cp_offset[1] + cal.il_chess[0] * (chess != cal.chess_calibrated), cal.cp_offset[0]
    )
    drift = (1 + cal.cp_kta * (ambient - 25)) * (1 + cal.cp_kv * (supply - 3.3))
    compensation = np.where(second, cp_1, cp_0) * gain_factor - cp_offset * drift
    return Conditions(supply, ambient, gain_factor, compensation, chess, subpage)


def offset_factors(calibration: Calibration, now: Conditions) -> Floats:
    """(N, 5): what each row multiplies the five rows of `Table.offset_terms` by. §11.2.2.5.3, §11.2.2.7."""
    warmer = now.ambient_c - 25
    higher = now.supply_v - 3.3
    one = np.ones_like(warmer)
    return np.stack([one, warmer, higher, warmer * higher, calibration.tgc * now.compensation], axis=1)


def count_scale(calibration: Calibration, now: Conditions, emissivity_2d: Floats) -> Floats:
    """What a gain-corrected count weighs at this ambient temperature and emissivity. §11.2.2.5.4, §11.2.2.8."""
    return 1 / (emissivity_2d * (1 + calibration.ks_ta * (now.ambient_c[:, None] - 25)))


def surroundings_k4(now: Conditions, emissivity_2d: Floats, reflected_2d: Floats) -> Floats:
    """Ta-r of §11.2.2.9: fourth power of what sensor and reflected surroundings add to a pixel, K⁴."""
    ambient_k4 = (now.ambient_c[:, None] + KELVIN) ** 4
    reflected_k4 = (reflected_2d + KELVIN) ** 4
    return reflected_k4 - (reflected_k4 - ambient_k4) / emissivity_2d


def table_of(calibration: Calibration, chess: bool, subpage: int, dtype: np.dtype[Any]) -> Table:
    """The constants of the pixels of one subpage; made once for a calibration and kept in it."""
    key = (chess, subpage, dtype)
    if key not in calibration.tables:
        calibration.tables[key] = _make_table(calibration, chess, subpage, dtype)
    return calibration.tables[key]


def _make_table(calibration: Calibration, chess: bool, subpage: int, dtype: np.dtype[Any]) -> Table:
    cal = calibration
    sensitivity = cal.sensitivity[subpage]
    # Only a broken pixel can have none (see Calibration): its temperature is not a number.
    inverse = np.where(sensitivity > 0, 1 / sensitivity, np.nan)
    offset = cal.offset
    still = offset - (il_correction(cal) if chess != cal.chess_calibrated else 0)
    index = np.flatnonzero(subpage_mask(chess, subpage))
    terms = np.stack(
        [still, offset * cal.kta, offset * cal.kv, offset * cal.kta * cal.kv, np.ones_like(offset)]
    )
    terms *= inverse
    return Table(
        index, inverse.ravel()[index].astype(dtype), terms.reshape(-1, PIXELS)[:, index].astype(dtype)
    )


def il_correction(calibration: Calibration) -> Floats:
    """(24, 32), counts: what a pixel gains when read in the pattern it was not calibrated in. §11.2.2.7."""
    row, column = np.indices((ROWS, COLUMNS))
    sign = 2 * (row % 2) - 1
    conversion = -sign * np.array([0, -1, 0, 1])[column % 4]
    return calibration.il_chess[2] * sign - calibration.il_chess[1] * conversion


def pick(values_2d: Floats, block: NDArray[np.intp], table: Table) -> Floats:
    """The part of (1 or N, 1 or 768) values that belongs to a block of rows and the pixels of a table."""
    rows = values_2d if len(values_2d) == 1 else values_2d[block]
    return rows if rows.shape[1] == 1 else rows[:, table.index]


def solve(calibration: Calibration, u: Reals, radiation: Reals) -> Reals:
    """To in K from u = V_ir / alpha_comp and the radiation of the surroundings, both K⁴. §11.2.2.9."""
    ks_to = calibration.ks_to[1]
    kelvin = _fourth_root(u + radiation)
    kelvin *= np.asarray(ks_to, u.dtype)
    kelvin += np.asarray(1 - ks_to * KELVIN, u.dtype)
    np.divide(u, kelvin, out=kelvin)
    kelvin += radiation
    _fourth_root(kelvin)
    relative = relative_sensitivity(calibration, kelvin)
    np.divide(u, relative, out=kelvin)
    kelvin += radiation
    return _fourth_root(kelvin)


def relative_sensitivity(calibration: Calibration, kelvin: Reals) -> Reals:
    """s(T) over all four ranges, NaN where it is not positive. §11.2.2.9.1.

    Alpha_corr makes the four straight lines meet: the basic range's line plus a hinge at each corner.
    """
    ks_to, corner_c, dtype = calibration.ks_to, calibration.corner_c, kelvin.dtype
    relative = kelvin * np.asarray(ks_to[1], dtype)
    relative += np.asarray(1 - ks_to[1] * KELVIN, dtype)
    # A NaN fails both comparisons and takes the long way, which is always right.
    if kelvin.size and kelvin.min() >= corner_c[1] + KELVIN and kelvin.max() < corner_c[2] + KELVIN:
        return relative
    slope = calibration.range_gain * ks_to
    celsius = kelvin - np.asarray(KELVIN, dtype)
    for corner, bend, side in (
        (corner_c[1], slope[0] - slope[1], np.minimum),
        (corner_c[2], slope[2] - slope[1], np.maximum),
        (corner_c[3], slope[3] - slope[2], np.maximum),
    ):
        relative += np.asarray(bend, dtype) * side(celsius - np.asarray(corner, dtype), np.asarray(0, dtype))
    relative[~(np.isfinite(kelvin) & (relative > 0))] = np.nan
    return relative


def _fourth_root(values: Reals) -> Reals:
    """In place."""
    np.sqrt(values, out=values)
    return np.sqrt(values, out=values)


def _as_subpages(subpages: ArrayLike) -> NDArray[np.uint16]:
    words = np.asarray(subpages)
    if words.dtype != np.uint16 or words.ndim != 2 or words.shape[1] != SUBPAGE_WORDS:
        raise ValueError(
            f"subpages are (N, {SUBPAGE_WORDS}) uint16 words, these are {words.shape} {words.dtype}"
        )
    return np.ascontiguousarray(words)


def _as_2d(name: str, value: ArrayLike, rows: int) -> Floats:
    """A number, (N,) or (24, 32) as (1, 1), (N, 1) or (1, 768)."""
    given = np.asarray(value, np.float64)
    if given.shape == (ROWS, COLUMNS):
        return given.reshape(1, PIXELS)
    if given.shape in ((), (rows,)):
        return given.reshape(-1, 1)
    raise ValueError(f"{name} is a number, ({rows},) or ({ROWS}, {COLUMNS}), not {given.shape}")
