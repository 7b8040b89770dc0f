"""The black body in view: how far the sensor is off at this moment.

An in-view source brings the error from 0.97 K to 0.12 K (FDA 2023, Sensors 23:8011). It usually stands near
a corner, where one pixel has 0.6-1.3 K of noise, so its square is averaged over seconds; a frame in which
it looks different, because somebody stands before it, is left out, and too many of those in a row mean that
it is lost.
"""

import math

import numpy as np

from doumen.config import ReferenceSettings
from doumen.screening.background import FloatFrame

FRAMES_TO_TRUST = 16
# A jump of the square's mean beyond so many of its own standard deviations is a cover, not noise.
JUMP_SDS = 5.0
LEAST_JUMP_C = 0.4
# After a long cover the sensor may have drifted: the jump that is believed widens with time unseen.
DRIFT_C_S = 0.02


class Reference:
    """Follows the configured source; `offset_c` corrects a temperature, K."""

    def __init__(self, settings: ReferenceSettings) -> None:
        self._settings = settings
        self._mean_c = 0.0
        self._variance = 0.3**2
        self._frames = 0
        self._seen_ms = 0

    def update(self, t_ms: int, frame_c: FloatFrame) -> None:
        """Look at the source in one frame, (24, 32), °C."""
        at = self._settings
        square = frame_c[at.row : at.row + at.size_px, at.column : at.column + at.size_px]
        known = square[np.isfinite(square)]
        if known.size * 2 < square.size:
            return
        seen_c = float(known.mean())
        if abs(seen_c - at.temperature_c) > at.tolerance_c:
            return
        elapsed_ms = t_ms - self._seen_ms
        if self._frames >= FRAMES_TO_TRUST:
            jump_c = max(LEAST_JUMP_C, JUMP_SDS * math.sqrt(self._variance)) + DRIFT_C_S * elapsed_ms / 1000
            if abs(seen_c - self._mean_c) > jump_c:
                return
            weight = min(max(elapsed_ms / at.averaged_over_ms, 1 / 1_000), 1.0)
            weight = max(weight, 1 / (self._frames + 1))
        else:
            weight = 1 / (self._frames + 1)
        off_c = seen_c - self._mean_c if self._frames else 0.0
        self._mean_c = self._mean_c + weight * off_c if self._frames else seen_c
        # Fixed weight: the spread changes slowly, and a short memory would let a slow cover in.
        self._variance += (off_c**2 - self._variance) / 64
        self._frames += 1
        self._seen_ms = t_ms

    def offset_c(self, t_ms: int) -> float | None:
        """Known minus measured temperature, K, to be added to a reading; None while the source is lost."""
        if self._frames < FRAMES_TO_TRUST or t_ms - self._seen_ms > self._settings.lost_after_ms:
            return None
        return self._settings.temperature_c - self._mean_c

    @property
    def noise_c(self) -> float:
        """Standard deviation of the averaged offset, K."""
        kept = min(self._frames, self._settings.averaged_over_ms / 62.5 * 2)
        return math.sqrt(self._variance / max(kept, 1))

    @property
    def uncertainty_c(self) -> float:
        """Expanded uncertainty (k = 2) of the source itself, K."""
        return self._settings.uncertainty_c
