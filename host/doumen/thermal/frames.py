"""The images of many subpages, or of the two that make a frame.

How it is made fast. `radiometry` needs the fewest square roots; the rest is memory and numpy's overhead. So two
subpages that complete each other become one frame of 768 pixels in their natural order: neither the reading nor
the writing has to pick single pixels out of memory. What differs between the two is spread over the pixels by
matrix products, which cost a third of numpy's broadcasting. Many frames are computed in blocks that stay in the
second-level cache; a single frame, where nearly all is overhead, takes a way with half the calls.
"""

from collections.abc import Iterator
from itertools import zip_longest
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from doumen.thermal.calibration import Calibration
from doumen.thermal.conditions import KELVIN, PATTERNS, Conditions, RowConditions
from doumen.thermal.pixels import COLUMNS, PIXELS, ROWS
from doumen.thermal.radiometry import solve_signal, surroundings_k4
from doumen.thermal.tables import FrameTable, frame_table_of, kelvin_or_nan, of_subpage_0

Floats = NDArray[np.float64]
Reals = NDArray[Any]
Words = NDArray[np.uint16]
Rows = slice | NDArray[np.intp]

# Size of one of a block's three arrays: 128 frames in float32. Measured on a core with 1 MiB of second-level cache:
# 64 frames pay 4 % more for numpy's overhead, 256 frames 5-25 % more for leaving the cache.
BLOCK_BYTES = 384 * 1024
# What no factor of a working sensor reaches, and float32 still holds.
_ABSURD = 1e30


class Surroundings(NamedTuple):
    """What the caller says of the scene: (1, 1), (N, 1), or a map (1, 768)."""

    inverse_emissivity: Floats
    reflected_k4: Floats


def one_frame(
    calibration: Calibration,
    words: Words,
    rows: list[RowConditions],
    given: tuple[float, float | None],
    dtype: np.dtype[Any],
) -> Reals | None:
    """The images of a frame's two subpages, or of one; None if the rows are not that, or give no numbers.

    rows: the conditions for this emissivity. given: 1 / emissivity, and reflected temperature in °C or None.

    About 35 calls of numpy, nearly all of it overhead: arithmetic on 768 pixels takes a tenth of a microsecond.
    """
    one, other = rows[0], rows[-1]
    swapped = one.pattern > other.pattern
    if swapped:
        one, other = other, one
    if other.pattern >= len(PATTERNS) or other.pattern - one.pattern != 2 * len(rows) - 2:
        return None
    inverse_emissivity, reflected_c = given
    one_reflected_k4, other_reflected_k4 = one.open_air_k4, other.open_air_k4
    if reflected_c is not None:
        reflected_k2 = (reflected_c + KELVIN) * (reflected_c + KELVIN)
        one_reflected_k4 = other_reflected_k4 = reflected_k2 * reflected_k2
    numbers = (
        one.gain,
        other.gain,
        one.offset,
        other.offset,
        one.offset_kta,
        other.offset_kta,
        one.offset_kv,
        other.offset_kv,
        one.offset_kta_kv,
        other.offset_kta_kv,
        one.compensation,
        other.compensation,
        surroundings_k4(one.ambient_k4, one_reflected_k4, inverse_emissivity),
        surroundings_k4(other.ambient_k4, other_reflected_k4, inverse_emissivity),
    )
    if not -_ABSURD < sum(numbers) < _ABSURD:
        return None

    table = frame_table_of(calibration, PATTERNS[one.pattern][0], dtype)
    counts = words.view(np.int16)
    counts = counts.take(table.places[swapped], mode="clip") if len(rows) == 2 else counts[0, :PIXELS]
    signal = counts.astype(dtype)
    factors = np.array(numbers, dtype)
    kelvin = factors[:2].dot(table.gain)
    np.multiply(signal, kelvin, signal)
    factors[2:12].dot(table.offset, kelvin)
    np.subtract(signal, kelvin, signal)
    radiation = factors[12:].dot(table.halves)
    solve_signal(calibration, table.basic, signal, radiation, kelvin)
    image_c = np.empty((len(rows), ROWS, COLUMNS), dtype)
    flat = image_c.reshape(-1, PIXELS)
    for place, row in enumerate(rows):
        np.subtract(kelvin, table.kelvin[row.pattern > 1], flat[place])
    return image_c


def many_frames(
    calibration: Calibration, words: Words, now: Conditions, given: Surroundings, dtype: np.dtype[Any]
) -> Reals:
    """The images of any subpages: (N, 834) words to (N, 24, 32), °C."""
    image_c = np.empty((len(words), ROWS, COLUMNS), dtype)
    flat = image_c.reshape(-1, PIXELS)
    factors = _factors(now, given)
    patterns = np.minimum(now.pattern, len(PATTERNS)).astype(np.uint8)
    # Zero times NaN would spoil the other subpage of the frame.
    if not -_ABSURD < factors.sum() < _ABSURD:
        absurd = ~(np.abs(factors) < _ABSURD).all(axis=1)
        factors[absurd] = 0
        patterns[absurd] = len(PATTERNS)
    factors = factors.astype(dtype)

    frames = (len(words) + 1) // 2
    blocks = -(-frames * PIXELS * dtype.itemsize // BLOCK_BYTES)
    # Blocks of one size: a last one of a few frames would be nothing but overhead.
    most = -(-frames // max(1, blocks))
    buffers = np.empty((3, most, PIXELS), dtype)
    raw = np.empty((2, most, PIXELS), np.uint16)
    for start in range(0, len(words), max(1, 2 * most)):
        block = slice(start, start + 2 * most)
        kinds = patterns[block].tobytes()
        counts, target, block_factors = words[block, :PIXELS], flat[block], factors[block]
        for chess, pairs, first, second in _frames_in(kinds, most):
            table = frame_table_of(calibration, chess, dtype)
            signal, radiation, kelvin = buffers[:, :pairs]
            frame, other = raw[:, :pairs]
            # Pixel by pixel the first or the second: three operations on 16 bits take half as long as `where`, and
            # copying first is cheaper than operating on rows that do not touch.
            np.copyto(frame, counts[first])
            np.copyto(other, counts[second])
            np.bitwise_xor(frame, other, frame)
            np.bitwise_and(frame, of_subpage_0(chess, most)[:pairs], frame)
            np.bitwise_xor(frame, other, frame)
            np.copyto(signal, frame.view(np.int16))

            both = np.empty((pairs, factors.shape[1], 2), dtype)
            both[:, :, 0] = block_factors[first]
            both[:, :, 1] = block_factors[second]
            both = both.reshape(pairs, -1)
            np.matmul(both[:, :2], table.gain, kelvin)
            np.multiply(signal, kelvin, signal)
            np.matmul(both[:, 2:12], table.offset, kelvin)
            np.subtract(signal, kelvin, signal)
            if factors.shape[1] == 7:
                np.matmul(both[:, 12:], table.halves, radiation)
            else:
                _use_maps(table, given, both[:, 12:], signal, radiation)
            solve_signal(calibration, table.basic, signal, radiation, kelvin)
            # Both whole; what the other subpage measured becomes NaN together with the change to °C.
            target[first] = kelvin
            target[second] = kelvin
        np.subtract(target, kelvin_or_nan(kinds, dtype), target)
    return image_c


def _factors(now: Conditions, given: Surroundings) -> Floats:
    """What a row's pixels share: (N, 7), the six factors of `Conditions` and the radiation of the surroundings.

    With a map (N, 9): the six, Ta⁴, Tr⁴ and 1 / emissivity; zeros for what the map has.
    """
    inverse, reflected_k4 = given
    if inverse.shape[1] == reflected_k4.shape[1] == 1:
        factors = np.empty((len(now.factors), 7))
        factors[:, :6] = now.factors * inverse
        factors[:, 6:] = surroundings_k4(now.ambient_k4, reflected_k4, inverse)
    else:
        factors = np.zeros((len(now.factors), 9))
        factors[:, :6] = now.factors
        factors[:, 6:7] = now.ambient_k4
        for place, values in ((7, reflected_k4), (8, inverse)):
            if values.shape[1] == 1:
                factors[:, place : place + 1] = values
    return factors


def _use_maps(table: FrameTable, given: Surroundings, both: Reals, signal: Reals, radiation: Reals) -> None:
    """Completes signal and radiation where emissivity or reflected temperature is a map."""
    inverse, reflected_k4 = given.inverse_emissivity.astype(both.dtype), given.reflected_k4.astype(both.dtype)
    if inverse.shape[1] == 1:
        inverse = both[:, 4:] @ table.halves
    if reflected_k4.shape[1] == 1:
        reflected_k4 = both[:, 2:4] @ table.halves
    np.multiply(signal, inverse, signal)
    radiation[:] = surroundings_k4(both[:, :2] @ table.halves, reflected_k4, inverse)


def _frames_in(kinds: bytes, most: int) -> Iterator[tuple[bool, int, Rows, Rows]]:
    """Which rows make frames: pattern, how many, where their subpages 0 and their subpages 1 stand.

    A subpage without its like of the other half stands on both sides; half of what it gives is never read.
    """
    count = len(kinds) // 2
    one, other = kinds[0], kinds[-1]
    # As sensors send them. Slices make no copies.
    if abs(one - other) == 2 and max(one, other) < len(PATTERNS) and kinds == kinds[:2] * count:
        yield PATTERNS[one][0], count, slice(one > other, None, 2), slice(one < other, None, 2)
        return
    for chess in (False, True):
        zeros, ones = (
            [place for place, kind in enumerate(kinds) if kind == PATTERNS.index((chess, subpage))]
            for subpage in (0, 1)
        )
        frames = [
            (one if zero is None else zero, zero if one is None else one)
            for zero, one in zip_longest(zeros, ones)
        ]
        for start in range(0, len(frames), most):
            chunk = np.array(frames[start : start + most], np.intp)
            yield chess, len(chunk), chunk[:, 0], chunk[:, 1]
