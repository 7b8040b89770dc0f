"""Temperatures back into the words of a real MLX90640: the inverse of `thermal.temperature`.

The simulator paints a scene in °C and the gate's firmware must see what a sensor gives: 16-bit counts through
this very sensor's offsets, sensitivities and supply voltage. Only the rounding to whole counts separates the
temperature that the host calibrates from the one that was painted.
"""

import numpy as np
from numpy.typing import ArrayLike, NDArray

from doumen.thermal.calibration import Calibration
from doumen.thermal.conditions import CONTROL_WORD, KELVIN, SUBPAGE_WORD, SUBPAGE_WORDS, conditions
from doumen.thermal.pixels import COLUMNS, PIXELS, ROWS
from doumen.thermal.radiometry import relative_sensitivity, solve, surroundings_k4
from doumen.thermal.tables import pick, table_of
from doumen.thermal.temperature import as_2d

Floats = NDArray[np.float64]

# Two steps do for a room; a scene of hundreds of degrees takes more, and one beyond the physics never ends.
_MAX_STEPS = 12
_CLOSE_ENOUGH_K = 1e-4


class SensorWords:
    """One simulated sensor: a calibration, and the auxiliary words of one real recorded subpage.

    ambient_c, supply_v: what those words say, °C and V; they stay the same for every subpage.
    """

    def __init__(self, calibration: Calibration, base: ArrayLike, *, control: int | None = None) -> None:
        """base: (834,) uint16, a recorded subpage; its auxiliary words 768..831 are used.

        control: control register 1 in place of the recorded one. Its ADC resolution bits (11:10) should be
            those of the recording, or the supply voltage reads wrong.
        Raises ValueError if base has another shape or holds no ambient temperature.
        """
        words = np.array(base)
        if words.shape != (SUBPAGE_WORDS,) or words.dtype != np.uint16:
            raise ValueError(f"base is ({SUBPAGE_WORDS},) uint16, not {words.shape} {words.dtype}")
        if control is not None:
            words[CONTROL_WORD] = control
        self._calibration = calibration
        self._base = words
        # Rows 0 and 1: the same auxiliary words seen as subpage 0 and as subpage 1.
        both = np.stack([words, words])
        both[:, SUBPAGE_WORD] = (0, 1)
        self._now = conditions(calibration, both)
        self.ambient_c = float(self._now.ambient_c[0])
        self.supply_v = float(self._now.supply_v[0])
        if not np.isfinite(self._now.factors).all():
            raise ValueError(
                "base holds no ambient temperature or gain: its auxiliary words are not a sensor's"
            )

    def subpage(
        self,
        object_c: ArrayLike,
        subpage: int,
        *,
        emissivity: ArrayLike = 0.95,
        reflected_c: ArrayLike | None = None,
        previous: NDArray[np.uint16] | None = None,
        noise_k: float | Floats = 0.0,
        rng: np.random.Generator | None = None,
    ) -> NDArray[np.uint16]:
        """The words that the sensor stores when it measures `subpage` (0 or 1) of a scene.

        object_c: (24, 32), °C, finite. What is too hot or too cold for 16 bits clips, as in the sensor.
        emissivity, reflected_c (°C): a number or a (24, 32) map, as for `thermal.temperature.object_c`.
        previous: (834,) uint16, the RAM before; the other subpage's pixels are carried over. None means base.
        noise_k: standard deviation of the noise, K, a number or a (24, 32) map; drawn from `rng` if given.
        Returns (834,) uint16, a new array.
        Raises ValueError if the scene has another shape or is not finite.
        Source: MLX90640 datasheet §11.2.2, backwards.
        """
        scene_c = np.array(object_c, np.float64)
        if scene_c.shape != (ROWS, COLUMNS) or not np.isfinite(scene_c).all():
            raise ValueError(f"object_c is a finite ({ROWS}, {COLUMNS}) image, not one of {scene_c.shape}")
        if rng is not None:
            scene_c += rng.standard_normal(scene_c.shape) * noise_k
        row = slice(subpage, subpage + 1)
        table = table_of(self._calibration, int(self._now.pattern[subpage]), scene_c.dtype)
        inverse_emissivity = pick(1 / as_2d("emissivity", emissivity, 1), row, table)
        reflected_k4 = self._now.open_air_k4[row]
        if reflected_c is not None:
            reflected_k4 = pick((as_2d("reflected_c", reflected_c, 1) + KELVIN) ** 4, row, table)
        radiation = surroundings_k4(self._now.ambient_k4[row], reflected_k4, inverse_emissivity)

        kelvin = scene_c.reshape(1, PIXELS)[:, table.places] + KELVIN
        factors = self._now.factors[row]
        with np.errstate(all="ignore"):
            u = _incident(self._calibration, kelvin, radiation) / inverse_emissivity
            counts = (u + factors[:, 1:] @ table.offset_terms) / (factors[:, :1] * table.inverse_alpha)
        stored = np.rint(np.nan_to_num(counts[0])).clip(-32768, 32767).astype(np.int16)

        words = self._base.copy()
        if previous is not None:
            words[:PIXELS] = previous[:PIXELS]
        words[table.places] = stored.view(np.uint16)
        words[SUBPAGE_WORD] = subpage
        return words


def _incident(calibration: Calibration, kelvin: Floats, radiation: Floats) -> Floats:
    """u = V_ir / alpha_comp for which `solve` gives `kelvin`.

    To stops after two fixed-point steps, so the closed form is off by what a third would add; Newton steps
    with the closed form's slope take that away.
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
