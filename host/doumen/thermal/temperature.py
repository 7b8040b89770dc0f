"""Sensor words to temperatures: pure functions over any number of subpages.

A subpage is a row of 834 words, see `conditions`. Rows need not be in order; subpages and patterns may mix.
"""

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, DTypeLike, NDArray

from doumen.thermal.calibration import Calibration
from doumen.thermal.conditions import (
    KELVIN,
    Conditions,
    RowConditions,
    as_subpages,
    conditions,
    row_conditions,
)
from doumen.thermal.frames import Surroundings, many_frames, one_frame
from doumen.thermal.pixels import COLUMNS, PIXELS, ROWS

Floats = NDArray[np.float64]
Reals = NDArray[Any]

_NUMBER = (float, int)


class Measurements(NamedTuple):
    """What N subpages say. object_c: (N, 24, 32), see `object_c`. ambient_c: (N,), °C. supply_v: (N,), V."""

    object_c: Reals
    ambient_c: Floats
    supply_v: Floats


def supply_v(calibration: Calibration, subpages: ArrayLike) -> Floats:
    """Supply voltage. (N, 834) uint16 to (N,), V.

    Source: MLX90640 datasheet §11.2.2.1-2.
    """
    return conditions(calibration, as_subpages(subpages)).supply_v


def ambient_c(calibration: Calibration, subpages: ArrayLike) -> Floats:
    """Temperature of the sensor itself, Ta. (N, 834) uint16 to (N,), °C; NaN where the words give none.

    Source: MLX90640 datasheet §11.2.2.3.
    """
    return _finite(conditions(calibration, as_subpages(subpages)).ambient_c)


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
    return _images(calibration, as_subpages(subpages), emissivity, reflected_c, dtype)[0]


def measure(
    calibration: Calibration,
    subpages: ArrayLike,
    *,
    emissivity: ArrayLike = 0.95,
    reflected_c: ArrayLike | None = None,
    dtype: DTypeLike = np.float32,
) -> Measurements:
    """`object_c`, `ambient_c` and `supply_v` of N subpages at once, for the price of the first."""
    image_c, now = _images(calibration, as_subpages(subpages), emissivity, reflected_c, dtype)
    if isinstance(now, Conditions):
        return Measurements(image_c, _finite(now.ambient_c), now.supply_v)
    both = np.array([row[1:3] for row in now])
    return Measurements(image_c, both[:, 1], both[:, 0])


def as_2d(name: str, value: ArrayLike, rows: int) -> Floats:
    """A number, (N,) or (24, 32) as (1, 1), (N, 1) or (1, 768); ValueError for another shape."""
    given = np.asarray(value, np.float64)
    if given.shape == (ROWS, COLUMNS):
        return given.reshape(1, PIXELS)
    if given.shape in ((), (rows,)):
        return given.reshape(-1, 1)
    raise ValueError(f"{name} is a number, ({rows},) or ({ROWS}, {COLUMNS}), not {given.shape}")


# Object temperatures without a solution are NaN and no cause for a warning. (As a decorator this costs half of what
# the `with` statement does, 0.4 us.)
@np.errstate(all="ignore")
def _images(
    calibration: Calibration,
    words: NDArray[np.uint16],
    emissivity: ArrayLike,
    reflected_c: ArrayLike | None,
    dtype: DTypeLike,
) -> tuple[Reals, Conditions | list[RowConditions]]:
    """What `object_c` returns, and the conditions that were computed on the way."""
    kind = np.dtype(dtype)
    if (
        1 <= len(words) <= 2
        and isinstance(emissivity, _NUMBER)
        and (reflected_c is None or isinstance(reflected_c, _NUMBER))
    ):
        inverse = 1 / emissivity if emissivity else np.inf
        rows = row_conditions(calibration, words, inverse)
        image_c = one_frame(calibration, words, rows, (inverse, reflected_c), kind)
        if image_c is not None:
            return image_c, rows
    now = conditions(calibration, words)
    inverse_emissivity = 1 / as_2d("emissivity", emissivity, len(words))
    reflected_k4 = now.open_air_k4
    if reflected_c is not None:
        reflected_k4 = (as_2d("reflected_c", reflected_c, len(words)) + KELVIN) ** 4
    image_c = many_frames(calibration, words, now, Surroundings(inverse_emissivity, reflected_k4), kind)
    return image_c, now


def _finite(values: Floats) -> Floats:
    return np.where(np.isfinite(values), values, np.nan)
