"""What a sensor's constants and the reading pattern make of a raw count: made once, kept in the calibration."""

import functools
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from doumen.thermal.calibration import Calibration
from doumen.thermal.conditions import KELVIN, PATTERNS, SUBPAGE_WORDS
from doumen.thermal.pixels import COLUMNS, PIXELS, ROWS, subpage_mask
from doumen.thermal.radiometry import BasicRange, basic_range

Floats = NDArray[np.float64]
Reals = NDArray[Any]
Words = NDArray[np.uint16]

_MEASURED = np.stack([subpage_mask(*pattern).ravel() for pattern in PATTERNS])


class Table(NamedTuple):
    """The constants of the 384 pixels that one subpage measures.

    places: (384,), their positions among the 768. inverse_alpha: (384,), K⁴ per count.
    offset_terms: (5, 384), K⁴: offset, offset * KTa, offset * Kv, offset * KTa * Kv and 1, over alpha.
    """

    places: NDArray[np.intp]
    inverse_alpha: Reals
    offset_terms: Reals


class FrameTable(NamedTuple):
    """The constants of all 768 pixels of a frame, whose two subpages were read in one pattern.

    A subpage's factors are to count for its own pixels only. So each term has two rows, one for subpage 0 and one
    for subpage 1, with zeros at the pixels of the other; a matrix product with the factors of both, in turn, gives
    each pixel what its own subpage says. Measured: the three products take a tenth of the time of a frame.

    gain: (2, 768), inverse alpha. offset: (10, 768), the offset terms. Both over KsTo2, see `radiometry`.
    halves: (2, 768), ones. basic: the range's constants, in the precision of the others.
    kelvin: for subpage 0 and 1, (768,), what to take from kelvins: 273.15, NaN where unmeasured.
    places: (768,), where each pixel stands in a subpage 0 and a subpage 1 one after the other, and in a 1 and a 0.
    """

    gain: Reals
    offset: Reals
    halves: Reals
    basic: BasicRange
    kelvin: tuple[Reals, Reals]
    places: tuple[NDArray[np.intp], NDArray[np.intp]]


def table_of(calibration: Calibration, pattern: int, dtype: np.dtype[Any]) -> Table:
    """The constants of the pixels measured in `PATTERNS[pattern]`."""
    key = (pattern, dtype)
    if key not in calibration.tables:
        calibration.tables[key] = _make_table(calibration, *PATTERNS[pattern], dtype)
    return calibration.tables[key]


def frame_table_of(calibration: Calibration, chess: bool, dtype: np.dtype[Any]) -> FrameTable:
    """The constants of the pixels of a frame read in chess pattern or interleaved."""
    # A dtype's own hash would take as long as all the rest of this.
    key = (chess, dtype.char)
    table = calibration.tables.get(key)
    if table is None:
        table = calibration.tables[key] = _make_frame_table(calibration, chess, dtype)
    return table


def il_correction(calibration: Calibration) -> Floats:
    """What a pixel gains when read in the pattern it was not calibrated in: (24, 32), counts. §11.2.2.7."""
    row, column = np.indices((ROWS, COLUMNS))
    sign = 2 * (row % 2) - 1
    conversion = -sign * np.array([0, -1, 0, 1])[column % 4]
    return calibration.il_chess[2] * sign - calibration.il_chess[1] * conversion


def pick(values: Floats, rows: slice, table: Table) -> Floats:
    """Of (1 or N, 1 or 768) values those of some rows and of the pixels of a table."""
    chosen = values if len(values) == 1 else values[rows]
    return chosen if chosen.shape[1] == 1 else chosen[:, table.places]


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


def _make_frame_table(calibration: Calibration, chess: bool, dtype: np.dtype[Any]) -> FrameTable:
    terms = np.zeros((7, 2, PIXELS))
    for subpage in (0, 1):
        half = _make_table(calibration, chess, subpage, np.dtype(np.float64))
        terms[0, subpage, half.places] = half.inverse_alpha
        terms[1:6, subpage, half.places] = half.offset_terms
        terms[6, subpage, half.places] = 1
    basic = basic_range(calibration, dtype)
    terms[:6] /= basic.ks_to
    rows = terms.reshape(-1, PIXELS).astype(dtype)
    zero = subpage_mask(chess, 0).ravel()
    kelvin = tuple(np.where(half, KELVIN, np.nan).astype(dtype) for half in (zero, ~zero))
    here = np.arange(PIXELS)
    below = here + SUBPAGE_WORDS
    return FrameTable(
        gain=rows[:2],
        offset=rows[2:12],
        halves=rows[12:],
        basic=basic,
        kelvin=(kelvin[0], kelvin[1]),
        places=(np.where(zero, here, below), np.where(zero, below, here)),
    )


@functools.lru_cache(maxsize=4)
def kelvin_or_nan(patterns: bytes, dtype: np.dtype[Any]) -> Reals:
    """What to take from the kelvins of rows read in these patterns: (N, 768), 273.15, NaN where unmeasured.

    Patterns past the end of `PATTERNS` measure nothing. A stream's blocks are alike: they share one array.
    """
    rows = np.where(_MEASURED, KELVIN, np.nan).astype(dtype)
    nothing = np.full((1, PIXELS), np.nan, dtype)
    return _read_only(np.concatenate((rows, nothing))[np.minimum(list(patterns), len(PATTERNS))])


@functools.lru_cache(maxsize=4)
def of_subpage_0(chess: bool, rows: int) -> Words:
    """All bits of the pixels that subpage 0 measures, none of the others: (rows, 768)."""
    bits = np.where(subpage_mask(chess, 0).ravel(), 0xFFFF, 0).astype(np.uint16)
    return _read_only(np.tile(bits, (rows, 1)))


def _read_only(array: NDArray[Any]) -> NDArray[Any]:
    array.flags.writeable = False
    return array
