"""Sensor words to temperatures: pure functions over any number of subpages.

A subpage is a row of 834 words, see `conditions`. Rows need not be in order; subpages and patterns may mix.

How it is made fast. With u = V_ir / alpha_comp and T in K, the datasheet's To (§11.2.2.9) is three fourth
roots, each dividing u by the sensitivity at the temperature that the one before gave:

    T0 = (u + Tr4)^(1/4)        T1 = (u / s(T0) + Tr4)^(1/4)        To = (u / s(T1) + Tr4)^(1/4)

with s(T) = 1 + KsTo2 * (T - 273.15) in the basic range: six square roots and two divisions a pixel, and no
alpha³ * V_ir that would leave float32's range. Offset, KTa, Kv, IL correction and compensation pixel of many
subpages are one matrix product. Only measured pixels are computed, in blocks that stay in the cache.
"""

from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, DTypeLike, NDArray

from doumen.thermal.calibration import Calibration
from doumen.thermal.conditions import KELVIN, PATTERNS, as_subpages, conditions
from doumen.thermal.pixels import COLUMNS, PIXELS, ROWS, measured_counts, measured_view, subpage_mask

Floats = NDArray[np.float64]
Reals = NDArray[Any]
Rows = slice | NDArray[np.intp]

# Size of one of a block's four arrays. Measured: smaller ones pay numpy's overhead, larger ones leave the
# second-level cache.
_BLOCK_BYTES = 192 * 1024


class Table(NamedTuple):
    """The constants of the 384 pixels that one subpage measures.

    places: (384,), their positions among the 768. inverse_alpha: (384,), K⁴ per count.
    offset_terms: (5, 384), K⁴: offset, offset * KTa, offset * Kv, offset * KTa * Kv and 1, over alpha.
    """

    places: NDArray[np.intp]
    inverse_alpha: Reals
    offset_terms: Reals


def supply_v(calibration: Calibration, subpages: ArrayLike) -> Floats:
    """Supply voltage. (N, 834) uint16 to (N,), V.

    Source: MLX90640 datasheet §11.2.2.1-2.
    """
    return conditions(calibration, as_subpages(subpages)).supply_v


def ambient_c(calibration: Calibration, subpages: ArrayLike) -> Floats:
    """Temperature of the sensor itself, Ta. (N, 834) uint16 to (N,), °C; NaN where the words give none.

    Source: MLX90640 datasheet §11.2.2.3.
    """
    ambient = conditions(calibration, as_subpages(subpages)).ambient_c
    return np.where(np.isfinite(ambient), ambient, np.nan)


def object_c(
    calibration: Calibration,
    subpages: ArrayLike,
    *,
    emissivity: ArrayLike = 0.95,
    reflected_c: ArrayLike | None = None,
    dtype: DTypeLike = np.float32,
) -> Reals:
    """Object temperature of every pixel of N subpages.

    subpages: (N, 834) uint16; not modified.
    emissivity (over 0, up to 1): a number, (N,) or a (24, 32) map.
    reflected_c: °C, likewise; None means Ta - 8, as in open air.
    dtype: float32 is within 1e-4 K of float64 up to 400 °C.
    Returns (N, 24, 32), °C; NaN where unmeasured or where the physics has no solution. Pixels marked broken
    or outlier by the factory are computed like the others: see `pixels.repair`.
    Raises ValueError for arguments of another shape or kind.
    Source: MLX90640 datasheet §11.2.2.9.
    """
    words = as_subpages(subpages)
    now = conditions(calibration, words)
    image_c = np.full((len(words), ROWS, COLUMNS), np.nan, dtype)
    flat = image_c.reshape(-1, PIXELS)
    with np.errstate(all="ignore"):
        inverse_emissivity = 1 / as_2d("emissivity", emissivity, len(words))
        reflected_k4 = now.open_air_k4
        if reflected_c is not None:
            reflected_k4 = (as_2d("reflected_c", reflected_c, len(words)) + KELVIN) ** 4
        # One cast for all that a row has: six factors, and its surroundings where all pixels share them.
        mapped = inverse_emissivity.shape[1] + reflected_k4.shape[1] > 2
        scalars = now.factors
        if not mapped:
            shared = surroundings_k4(now.ambient_k4, reflected_k4, inverse_emissivity)
            scalars = np.concatenate((scalars * inverse_emissivity, shared), axis=1)
        scalars = scalars.astype(dtype)

        most_rows = _BLOCK_BYTES // (PIXELS // 2 * scalars.itemsize)
        for block in _blocks(now.pattern, most_rows):
            u = np.empty((block[-1].stop, PIXELS // 2), dtype)
            radiation = np.empty_like(u)
            for pattern, rows, start, stop in block:
                table = table_of(calibration, pattern, u.dtype)
                part, row = u[start:stop], scalars[rows]
                counts = measured_counts(words[rows], *PATTERNS[pattern])
                part.reshape(counts.shape)[:] = counts
                part *= row[:, :1]
                part *= table.inverse_alpha
                part -= row[:, 1:6] @ table.offset_terms
                if mapped:
                    inverse = pick(inverse_emissivity, rows, table)
                    part *= inverse
                    reflected = pick(reflected_k4, rows, table)
                    radiation[start:stop] = surroundings_k4(now.ambient_k4[rows], reflected, inverse)
                else:
                    radiation[start:stop] = row[:, 6:]
            kelvin = solve(calibration, u, radiation)
            kelvin -= KELVIN
            for pattern, rows, start, stop in block:
                target = measured_view(flat, *PATTERNS[pattern])
                target[rows] = kelvin[start:stop].reshape(-1, *target.shape[1:])
    return image_c


def surroundings_k4(ambient_k4: Floats, reflected_k4: Floats, inverse_emissivity: Floats) -> Floats:
    """Ta-r: what sensor and reflected surroundings add to a pixel, K⁴. §11.2.2.9."""
    return reflected_k4 + (ambient_k4 - reflected_k4) * inverse_emissivity


def solve(calibration: Calibration, u: Reals, radiation: Reals) -> Reals:
    """To in K from u = V_ir / alpha_comp and the radiation of the surroundings, both K⁴. §11.2.2.9."""
    ks_to = calibration.ks_to[1]
    kelvin = _fourth_root(u + radiation)
    kelvin *= ks_to
    kelvin += 1 - ks_to * KELVIN
    np.divide(u, kelvin, out=kelvin)
    kelvin += radiation
    relative = relative_sensitivity(calibration, _fourth_root(kelvin))
    np.divide(u, relative, out=kelvin)
    kelvin += radiation
    return _fourth_root(kelvin)


def relative_sensitivity(calibration: Calibration, kelvin: Reals) -> Reals:
    """s(T) over all four ranges; NaN where it is not positive. §11.2.2.9.1.

    Alpha_corr makes the four straight lines meet: the basic range's line with a hinge at each corner.
    """
    ks_to, corner_c = calibration.ks_to, calibration.corner_c
    relative = kelvin * ks_to[1]
    relative += 1 - ks_to[1] * KELVIN
    # A NaN fails both comparisons and takes the long way, which is always right.
    if kelvin.min() >= corner_c[1] + KELVIN and kelvin.max() < corner_c[2] + KELVIN:
        return relative
    slope = [gain * ks for gain, ks in zip(calibration.range_gain, ks_to, strict=True)]
    celsius = kelvin - KELVIN
    relative += (slope[0] - slope[1]) * np.minimum(celsius - corner_c[1], 0)
    relative += (slope[2] - slope[1]) * np.maximum(celsius - corner_c[2], 0)
    relative += (slope[3] - slope[2]) * np.maximum(celsius - corner_c[3], 0)
    relative[~(np.isfinite(kelvin) & (relative > 0))] = np.nan
    return relative


def table_of(calibration: Calibration, pattern: int, dtype: np.dtype[Any]) -> Table:
    """The constants of the pixels measured in `PATTERNS[pattern]`; made once, kept in the calibration."""
    key = (pattern, dtype)
    if key not in calibration.tables:
        calibration.tables[key] = _make_table(calibration, *PATTERNS[pattern], dtype)
    return calibration.tables[key]


def _make_table(cal: Calibration, chess: bool, subpage: int, dtype: np.dtype[Any]) -> Table:
    sensitivity = cal.sensitivity[subpage]
    # Only a broken pixel can have none (see `Calibration`): its temperature is not a number.
    inverse = 1 / np.where(sensitivity > 0, sensitivity, np.nan)
    offset, one = cal.offset, np.ones_like(cal.offset)
    still = offset if chess == cal.chess_calibrated else offset - il_correction(cal)
    terms = np.stack([still, offset * cal.kta, offset * cal.kv, offset * cal.kta * cal.kv, one]) * inverse
    places = np.flatnonzero(subpage_mask(chess, subpage))
    measured = terms.reshape(-1, PIXELS)[:, places]
    return Table(places, measured[-1].astype(dtype), measured.astype(dtype))


def il_correction(calibration: Calibration) -> Floats:
    """What a pixel gains when read in the pattern it was not calibrated in: (24, 32), counts. §11.2.2.7."""
    row, column = np.indices((ROWS, COLUMNS))
    sign = 2 * (row % 2) - 1
    conversion = -sign * np.array([0, -1, 0, 1])[column % 4]
    return calibration.il_chess[2] * sign - calibration.il_chess[1] * conversion


def as_2d(name: str, value: ArrayLike, rows: int) -> Floats:
    """A number, (N,) or (24, 32) as (1, 1), (N, 1) or (1, 768); ValueError for another shape."""
    given = np.asarray(value, np.float64)
    if given.shape == (ROWS, COLUMNS):
        return given.reshape(1, PIXELS)
    if given.shape in ((), (rows,)):
        return given.reshape(-1, 1)
    raise ValueError(f"{name} is a number, ({rows},) or ({ROWS}, {COLUMNS}), not {given.shape}")


def pick(values: Floats, rows: Rows, table: Table) -> Floats:
    """Of (1 or N, 1 or 768) values those of some rows and of the pixels of a table."""
    chosen = values if len(values) == 1 else values[rows]
    return chosen if chosen.shape[1] == 1 else chosen[:, table.places]


def _fourth_root(values: Reals) -> Reals:
    """In place."""
    np.sqrt(values, out=values)
    return np.sqrt(values, out=values)


class _Part(NamedTuple):
    """Rows of one pattern, and where they lie in the block's arrays."""

    pattern: int
    rows: Rows
    start: int
    stop: int


def _blocks(pattern: Floats, most_rows: int) -> Iterator[list[_Part]]:
    """The rows to compute in parts of one pattern, as many parts together as a block of `most_rows` holds."""
    # As bytes, in which Python counts and searches at the speed of memory.
    kinds = pattern.astype(np.uint8).tobytes()
    block: list[_Part] = []
    filled = 0
    for kind in range(len(PATTERNS)):
        places = _places(kinds, kind)
        for first in range(0, len(places), most_rows):
            chunk = places[first : first + most_rows]
            if filled + len(chunk) > most_rows:
                yield block
                block, filled = [], 0
            rows = slice(chunk.start, chunk.stop, chunk.step) if isinstance(chunk, range) else np.array(chunk)
            block.append(_Part(kind, rows, filled, filled + len(chunk)))
            filled += len(chunk)
    if block:
        yield block


def _places(kinds: bytes, kind: int) -> range | list[int]:
    """Where `kind` stands; a range if evenly spaced, as sensors send them: numpy then makes no copies."""
    count = kinds.count(kind)
    if count == 0:
        return []
    first = kinds.index(kind)
    step = kinds.index(kind, first + 1) - first if count > 1 else 1
    stop = first + step * (count - 1) + 1
    if kinds[first:stop:step].count(kind) == count:
        return range(first, stop, step)
    return [place for place, other in enumerate(kinds) if other == kind]
