"""Which pixels a subpage measures, how two subpages make a frame, and how bad pixels are mended."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

ROWS = 24
COLUMNS = 32
PIXELS = ROWS * COLUMNS

_row, _column = np.indices((ROWS, COLUMNS))
_CHESS_SUBPAGE = (_row + _column) % 2
_INTERLEAVED_SUBPAGE = _row % 2

# Neighbours that the same subpage measures: diagonal in chess, the same row in interleaved.
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
