"""Which pixels a subpage measures, how two subpages make a frame, and how bad pixels are mended."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

ROWS = 24
COLUMNS = 32
PIXELS = ROWS * COLUMNS

_row, _column = np.indices((ROWS, COLUMNS))
_CHESS_SUBPAGE = (_row + _column) % 2
_INTERLEAVED_SUBPAGE = _row % 2

# 2^16 where the measured one of two neighbours is the first, the low half of a little-endian number.
_TO_HIGH_HALF = np.where(_CHESS_SUBPAGE[:, ::2].ravel() == [[0], [1]], 1 << 16, 1).astype(np.int32)
# Neighbours that the same subpage measures, nearest first: diagonal in chess, the same row in interleaved.
_CHESS_NEIGHBOURS = ((-1, -1), (-1, 1), (1, -1), (1, 1))
_INTERLEAVED_NEIGHBOURS = ((0, -1), (0, 1))


def subpage_mask(chess: bool, subpage: int) -> NDArray[np.bool_]:
    """Which pixels a subpage measures.

    chess: the reading pattern, bit 12 of control register 1.
    subpage: 0 or 1; any other number measures nothing.
    Returns (24, 32) bool, a new array.
    Source: MLX90640 datasheet §11.2.2.7 (pattern) and §10.6.
    """
    return (_CHESS_SUBPAGE if chess else _INTERLEAVED_SUBPAGE) == subpage


def measured_counts(rows: NDArray[np.uint16], chess: bool, subpage: int) -> NDArray[Any]:
    """The signed counts of the pixels that `subpage` measures, in the order of `subpage_mask`.

    rows: (N, even width) uint16, each row contiguous; the first 768 words are the pixels.
    Returns (N, 384) int32 in chess pattern, (N, 12, 32) int16 in interleaved.

    In chess one of two neighbours is measured, and which one is the same along a row: both are taken as one 32-bit
    number, and shifts by constants leave the right half. That costs half of a strided copy.
    """
    if not chess:
        return rows[:, :PIXELS].view(np.int16).reshape(len(rows), ROWS // 2, 2, COLUMNS)[:, :, subpage]
    counts = rows.view("<i4")[:, : PIXELS // 2] * _TO_HIGH_HALF[subpage]
    counts >>= 16
    return counts


def measured_view(rows: NDArray[Any], chess: bool, subpage: int) -> NDArray[Any]:
    """The pixels that `subpage` measures, in the order of `subpage_mask`, as a view.

    rows: (N, width) contiguous; the first 768 of each row are the pixels.
    Returns (N, 12, 2, 16) in chess pattern, (N, 12, 1, 32) in interleaved.

    From a measured pixel of an even row to its like in the row below it is always 33 places, or always 31:
    one strided view holds them all, and copying it costs less than half of an index array.
    """
    step = rows.itemsize
    if chess:
        shape, offset = (len(rows), ROWS // 2, 2, COLUMNS // 2), subpage
        strides = (rows.shape[1], 2 * COLUMNS, COLUMNS + 1 - 2 * subpage, 2)
    else:
        shape, offset = (len(rows), ROWS // 2, 1, COLUMNS), subpage * COLUMNS
        strides = (rows.shape[1], 2 * COLUMNS, COLUMNS, 1)
    return np.ndarray(shape, rows.dtype, rows, offset * step, tuple(places * step for places in strides))


def merge(older: NDArray[np.floating], newer: NDArray[np.floating]) -> NDArray[np.floating]:
    """A full frame out of two subpage images; the newer one wins where both measured.

    older, newer: (..., 24, 32), °C, NaN where unmeasured.
    Returns (..., 24, 32), a new array; NaN where neither measured.
    """
    return np.where(np.isnan(newer), older, newer)


def repair(
    image_c: NDArray[np.floating], bad: NDArray[np.bool_], *, chess: bool = True
) -> NDArray[np.floating]:
    """Replaces bad pixels by the mean of their valid neighbours of the same pattern.

    A neighbour of the other subpage was measured at another moment: on a moving scene it would smear an edge,
    so only the four diagonal neighbours (chess) or the two in the same row (interleaved) are asked.

    image_c: (..., 24, 32), °C; a subpage image or a merged frame.
    bad: (24, 32) or (..., 24, 32) bool, for example `calibration.broken | calibration.outlier`.
    Returns (..., 24, 32), a new array; a bad pixel without one valid neighbour becomes NaN.
    Source: MLX90640 datasheet §9 (deviating pixels).
    """
    bad = np.broadcast_to(bad, image_c.shape)
    clean = np.where(bad, np.nan, image_c)
    *leading, row, column = np.nonzero(bad)
    down, right = np.array(_CHESS_NEIGHBOURS if chess else _INTERLEAVED_NEIGHBOURS).T[:, :, np.newaxis]
    rows, columns = row + down, column + right
    inside = (rows >= 0) & (rows < ROWS) & (columns >= 0) & (columns < COLUMNS)
    neighbours = clean[(*leading, rows % ROWS, columns % COLUMNS)]
    # An unmeasured pixel stays unmeasured: its neighbours of the same pattern are all NaN too.
    clean[bad] = mean_of_valid(neighbours, inside)
    return clean


def neighbours_of(image: NDArray[np.floating], places: Sequence[tuple[int, int]]) -> NDArray[np.floating]:
    """What stands so many rows down and columns to the right of each pixel.

    image: (..., 24, 32). Returns (len(places), ..., 24, 32); NaN beyond the edge.
    """
    reach = max(max(abs(down), abs(right)) for down, right in places)
    rows, columns = ROWS + 2 * reach, COLUMNS + 2 * reach
    padded = np.full((*image.shape[:-2], rows, columns), np.nan, image.dtype)
    padded[..., reach:-reach, reach:-reach] = image
    return np.stack(
        [
            padded[..., reach + down : reach + down + ROWS, reach + right : reach + right + COLUMNS]
            for down, right in places
        ]
    )


def mean_of_valid(
    values: NDArray[np.floating], valid: NDArray[np.bool_] | bool = True
) -> NDArray[np.floating]:
    """Mean over the first axis of what is finite and valid; NaN where there is nothing."""
    valid = valid & np.isfinite(values)
    with np.errstate(invalid="ignore"):
        return np.where(valid, values, 0).sum(axis=0) / valid.sum(axis=0).astype(values.dtype)
