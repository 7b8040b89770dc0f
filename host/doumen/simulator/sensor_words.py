"""Temperatures back into the words that a real MLX90640 would have stored: the inverse of `thermal.temperature`.

The simulator paints a scene in °C and the gate's firmware must see what a sensor gives: 16-bit counts through
this very sensor's offsets, sensitivities and supply voltage. Only rounding to whole counts separates the
temperature calibrated on the host from the painted one.
"""

import numpy as np
from numpy.typing import ArrayLike, NDArray

from doumen.thermal.calibration import Calibration
from doumen.thermal.pixels import COLUMNS, ROWS
from doumen.thermal.temperature import (
    OPEN_AIR_SHIFT_C,
    PIXELS,
    SUBPAGE_WORDS,
    conditions,
    count_scale,
    offset_factors,
    pick,
    relative_sensitivity,
    solve,
    surroundings_k4,
    table_of,
)

KELVIN = 273.15
# Two steps do for a room; a scene of hundreds of degrees takes more, and one beyond the physics never ends.
_MAX_STEPS = 12
_CLOSE_ENOUGH_K = 1e-4
_CONTROL, _SUBPAGE = 832, 833


class SensorWords:
    """One simulated sensor: a calibration, and the auxiliary words of one real recorded subpage.

    ambient_c, supply_v: what those words say, °C and V; they stay the same for every subpage.
    """

    def __init__(self, calibration: Calibration, base: ArrayLike, *, control: int | None = None) -> None:
        """base: (834,) uint16, a recorded subpage; its auxiliary words 768..831 are used.

        control: control register 1 in place of the recorded one. Its ADC resolution bits (11:10) should be those
        of the recording, or the supply voltage reads wrong.
        Raises ValueError if base has another shape or no ambient temperature.
        """
        words = np.array(base)
        if words.shape != (SUBPAGE_WORDS,) or words.dtype != np.uint16:
            raise ValueError(f"base is ({SUBPAGE_WORDS},) uint16, not {words.shape} {words.dtype}")
        if control is not None:
            words[_CONTROL] = control
        self._calibration = calibration
        self._base = words
        # Rows 0 and 1: the same auxiliary words seen as subpage 0 and as subpage 1.
        both = np.stack([words, words])
        both[:, _SUBPAGE] = (0, 1)
        self._now = conditions(calibration, both)
        self._factors = offset_factors(calibration, self._now)
        self.ambient_c = float(self._now.ambient_c[0])
        self.supply_v = float(self._now.supply_v[0])
        if not np.isfinite(self.ambient_c + self._now.gain[0]):
            raise ValueError(
                "base has no ambient temperature or gain: its auxiliary words are not a sensor's"
            )

    def subpage(
        self,
        object_c: ArrayLike,
        subpage: int,
        *,
        emissivity: ArrayLike = 0.95,
        reflected_c: ArrayLike | None = None,
        previous: NDArray[np.uint16] | None = None,
        noise_k: ArrayLike = 0.0,
        rng: np.random.Generator | None = None,
    ) -> NDArray[np.uint16]:
        """The words that the sensor stores when it measures `subpage` (0 or 1) of a scene.

        object_c: (24, 32), °C, finite. Temperatures too hot or too cold for 16 bits clip, as in the sensor.
        emissivity, reflected_c (°C): a number or a (24, 32) map; None is Ta - 8. Give the same to `object_c`.
        previous: (834,) uint16, the RAM before; the other subpage's pixels are carried over from it. None: base.
        noise_k: standard deviation of the noise, K, a number or a (24, 32) map; drawn from `rng`.
        Returns (834,) uint16, a new array.
        Source: MLX90640 datasheet §11.2.2, backwards.
        """
        cal, row = self._calibration, np.array([subpage])
        scene_c = np.asarray(object_c, np.float64)
        if scene_c.shape != (ROWS, COLUMNS) or not np.isfinite(scene_c).all():
            raise ValueError(f"object_c is a finite ({ROWS}, {COLUMNS}) image, this one is {scene_c.shape}")
        if rng is not None:
            scene_c = scene_c + rng.standard_normal((ROWS, COLUMNS)) * noise_k
        reflected = self.ambient_c - OPEN_AIR_SHIFT_C if reflected_c is None else reflected_c
        emissivity_2d, reflected_2d = _as_2d(emissivity), _as_2d(reflected)

        table = table_of(cal, bool(self._now.chess[0]), subpage, np.dtype(np.float64))
        kelvin = scene_c.reshape(1, PIXELS)[:, table.index] + KELVIN
        with np.errstate(all="ignore"):
            scale = pick(count_scale(cal, self._now, emissivity_2d), row, table)
            radiation = pick(surroundings_k4(self._now, emissivity_2d, reflected_2d), row, table)
            u = _incident(cal, kelvin, radiation)
            counts = (
                (u / scale + self._factors[row] @ table.offset_terms)
                / table.inverse_alpha
                / self._now.gain[row]
            )
        stored = np.rint(np.nan_to_num(np.clip(counts[0], -32768, 32767))).astype(np.int16)

        words = (self._base if previous is None else previous).copy()
        words[PIXELS:] = self._base[PIXELS:]
        words[table.index] = stored.view(np.uint16)
        words[_SUBPAGE] = subpage
        return words


def _incident(
    calibration: Calibration, kelvin: NDArray[np.float64], radiation: NDArray[np.float64]
) -> NDArray[np.float64]:
    """u = V_ir / alpha_comp for which `solve` gives `kelvin`.

    To stops after two fixed-point steps, so the closed form is off by what a third would add; Newton steps with
    the closed form's slope take that away.
    """
    power = kelvin**4
    relative = relative_sensitivity(calibration, kelvin)
    u = (power - radiation) * relative
    for _ in range(_MAX_STEPS):
        missing_k4 = power - solve(calibration, u, radiation) ** 4
        u += missing_k4 * relative
        if np.all(np.abs(missing_k4) < 4 * kelvin**3 * _CLOSE_ENOUGH_K):
            break
    return u


def _as_2d(value: ArrayLike) -> NDArray[np.float64]:
    given = np.asarray(value, np.float64)
    return given.reshape(1, PIXELS) if given.shape == (ROWS, COLUMNS) else given.reshape(1, 1)
