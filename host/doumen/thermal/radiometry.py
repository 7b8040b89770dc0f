"""From what a pixel absorbs to the temperature of what it sees. §11.2.2.9, in K and K⁴.

With u = V_ir / alpha_comp, the radiation Ta-r of the surroundings and T in K, the datasheet's To is three fourth
roots, each dividing u by the sensitivity s at the temperature that the one before gave:

    T0 = (u + Ta-r)^(1/4)        T1 = (u / s(T0) + Ta-r)^(1/4)        To = (u / s(T1) + Ta-r)^(1/4)

with s(T) = 1 + KsTo2 * (T - 273.15) in the basic range, for T0 in all ranges. Six square roots and two divisions a
pixel, and no alpha³ * V_ir that would leave float32's range. What is computed is the signal u / KsTo2, because
s(T) / KsTo2 = T + (1 / KsTo2 - 273.15) saves a multiplication in each step.
"""

from typing import Any, NamedTuple, TypeVar

import numpy as np
from numpy.typing import DTypeLike, NDArray

from doumen.thermal.calibration import Calibration
from doumen.thermal.conditions import KELVIN

Reals = NDArray[Any]
Value = TypeVar("Value", float, Reals)

# A sensor with KsTo2 = 0 gets this, 1/K, which no temperature shows.
_LEAST_KS_TO = 1e-9


class BasicRange(NamedTuple):
    """The second of the four temperature ranges, in which nearly all scenes lie.

    ks_to: KsTo2, 1/K. zero: 1 / KsTo2 - 273.15. Arrays without dimensions: numpy takes these in half the time of a
    Python number. from_k, to_k: its corners, K.
    """

    ks_to: Reals
    zero: Reals
    from_k: float
    to_k: float


def basic_range(calibration: Calibration, dtype: DTypeLike) -> BasicRange:
    """The basic range's constants in one precision."""
    ks_to = calibration.ks_to[1]
    if abs(ks_to) < _LEAST_KS_TO:
        ks_to = _LEAST_KS_TO
    return BasicRange(
        np.array(ks_to, dtype),
        np.array(1 / ks_to - KELVIN, dtype),
        calibration.corner_c[1] + KELVIN,
        calibration.corner_c[2] + KELVIN,
    )


def surroundings_k4(ambient_k4: Value, reflected_k4: Value, inverse_emissivity: Value) -> Value:
    """Ta-r: what sensor and reflected surroundings add to a pixel, K⁴. §11.2.2.9."""
    return reflected_k4 + (ambient_k4 - reflected_k4) * inverse_emissivity


def solve(calibration: Calibration, u: Reals, radiation: Reals) -> Reals:
    """To in K from u = V_ir / alpha_comp and the radiation of the surroundings, both K⁴. §11.2.2.9.

    Returns a new array; the arguments have the same shape, or `radiation` one that broadcasts to it.
    """
    basic = basic_range(calibration, u.dtype)
    kelvin = np.empty_like(u)
    solve_signal(calibration, basic, u / basic.ks_to, radiation, kelvin)
    return kelvin


def solve_signal(
    calibration: Calibration, basic: BasicRange, signal: Reals, radiation: Reals, kelvin: Reals
) -> None:
    """To in K from the signal u / KsTo2 and the radiation, into `kelvin`. §11.2.2.9."""
    add, divide, sqrt = np.add, np.divide, np.sqrt
    np.multiply(signal, basic.ks_to, kelvin)
    add(kelvin, radiation, kelvin)
    sqrt(kelvin, kelvin)
    sqrt(kelvin, kelvin)
    add(kelvin, basic.zero, kelvin)
    divide(signal, kelvin, kelvin)
    add(kelvin, radiation, kelvin)
    sqrt(kelvin, kelvin)
    sqrt(kelvin, kelvin)
    # A NaN is found as the smallest and the largest, fails both comparisons and takes the long way, which is always
    # right. argmin is four times quicker than min on a single frame.
    if kelvin.item(kelvin.argmin()) >= basic.from_k and kelvin.item(kelvin.argmax()) < basic.to_k:
        add(kelvin, basic.zero, kelvin)
        divide(signal, kelvin, kelvin)
    else:
        divide(signal * basic.ks_to, relative_sensitivity(calibration, kelvin), kelvin)
    add(kelvin, radiation, kelvin)
    sqrt(kelvin, kelvin)
    sqrt(kelvin, kelvin)


def relative_sensitivity(calibration: Calibration, kelvin: Reals) -> Reals:
    """s(T) over all four ranges, a new array; NaN where it is not positive. §11.2.2.9.1.

    Alpha_corr makes the four straight lines meet: the basic range's line with a hinge at each corner.
    """
    ks_to, corner_c = calibration.ks_to, calibration.corner_c
    slope = [gain * ks for gain, ks in zip(calibration.range_gain, ks_to, strict=True)]
    relative = kelvin * ks_to[1]
    relative += 1 - ks_to[1] * KELVIN
    celsius = kelvin - KELVIN
    relative += (slope[0] - slope[1]) * np.minimum(celsius - corner_c[1], 0)
    relative += (slope[2] - slope[1]) * np.maximum(celsius - corner_c[2], 0)
    relative += (slope[3] - slope[2]) * np.maximum(celsius - corner_c[3], 0)
    relative[~(np.isfinite(kelvin) & (relative > 0))] = np.nan
    return relative
