"""Full frames of one face laid over each other, and the one temperature they give.

The maximum of a single frame reads 0.44 K high and the mean of the 3 hottest pixels of an 8-frame mean 0.06
K high with SD 0.04 (FACTS 2), both for 0.29 K of pixel noise: that is the estimator here, less its bias.
"""

import math
from dataclasses import dataclass

import numpy as np

from doumen.config import ScreeningSettings
from doumen.screening.background import FloatFrame
from doumen.screening.face import Head, upper_face

TOP_PIXELS = 3
BIAS_OF_8_C, SD_OF_8_C, NOISE_OF_BIAS_C = 0.06, 0.04, 0.29
# Rows and columns around the face that take part in laying frames over each other.
MARGIN_PX = 2
# A face that grew by more than this is nearer, and its pixels no longer lie over each other.
GROWTH = 0.15
# More missing pixels than this in the upper face could hide the eyes.
MISSING = 0.05
# Error (k = 2) without and with a source in view (FDA 2023, Sensors 23:8011).
ERROR_WITHOUT_C, ERROR_WITH_C = 0.97, 0.12
# How the pixel grid happens to fall on the eyes, and distance within the measuring zone: SD over simulated
# passages without noise (tests/host/screening/test_rates.py holds the whole budget).
SAMPLING_SD_C = 0.08


@dataclass(frozen=True, slots=True)
class Measured:
    """Mean of the hottest pixels, °C as the sensor sees it, noise bias removed; `noise_c` its SD, K."""

    apparent_c: float
    noise_c: float
    frames: int


@dataclass(frozen=True, slots=True)
class _Laid:
    """One full frame of the face: its patch, the frame's corner of the patch, and the head it belongs to."""

    t_ms: int
    patch: FloatFrame
    corner: tuple[int, int]
    head: Head


class FaceStack:
    """The last full frames of one face, registered by whole pixels."""

    def __init__(self, settings: ScreeningSettings) -> None:
        self._settings = settings
        self._laid: list[_Laid] = []

    def clear(self) -> None:
        """Start over, with the next frame as the first."""
        self._laid = []

    @property
    def frames(self) -> int:
        return len(self._laid)

    @property
    def first_ms(self) -> int | None:
        """Time of the oldest frame, ms."""
        return self._laid[0].t_ms if self._laid else None

    def is_enough(self, t_ms: int) -> bool:
        """Whether there are frames for a reading, and time enough has gone into collecting them."""
        settings, first_ms = self._settings, self.first_ms
        if first_ms is None or self.frames < settings.frames_from:
            return False
        return self.frames >= settings.frames_to or t_ms - first_ms >= settings.decide_after_ms

    def add(self, t_ms: int, frame_c: FloatFrame, head: Head) -> bool:
        """Lay one more full frame over the others; False when too much of the face is missing.

        frame_c: (24, 32), °C, NaN where unmeasured. Frames in which the face was a lot smaller are dropped.
        """
        face = upper_face(head)
        inner = frame_c[face.top : face.bottom, face.left : face.right]
        if not face.inside or float(np.isnan(inner).mean()) > MISSING:
            return False
        self._laid = [laid for laid in self._laid if abs(head.width / laid.head.width - 1) <= GROWTH]
        if self._laid:
            corner, patch = self._registered(frame_c, head)
        else:
            corner = (max(face.top - MARGIN_PX, 0), max(face.left - MARGIN_PX, 0))
            patch = frame_c[corner[0] : face.bottom + MARGIN_PX, corner[1] : face.right + MARGIN_PX]
        self._laid.append(_Laid(t_ms, patch.copy(), corner, head))
        return True

    def measure(self) -> Measured | None:
        """The reading of the stack, or None with fewer frames than a reading needs."""
        count = self.frames
        if count < self._settings.frames_from:
            return None
        mean, weight = self._mean()
        mean[weight * 2 <= count] = -np.inf
        # The box of each frame, in patch coordinates; the median of them shrugs off a badly seen head.
        boxes = [(upper_face(laid.head), laid.corner) for laid in self._laid]
        top, bottom, left, right = (
            round(float(np.median(side)))
            for side in (
                [box.top - corner[0] for box, corner in boxes],
                [box.bottom - corner[0] for box, corner in boxes],
                [box.left - corner[1] for box, corner in boxes],
                [box.right - corner[1] for box, corner in boxes],
            )
        )
        hottest = np.sort(mean[max(top, 0) : bottom, max(left, 0) : right], axis=None)[-TOP_PIXELS:]
        if hottest.size < TOP_PIXELS or not np.isfinite(hottest).all():
            return None
        fewer = math.sqrt(8 / count) * self._settings.pixel_noise_c / NOISE_OF_BIAS_C
        return Measured(
            apparent_c=float(hottest.mean()) - BIAS_OF_8_C * fewer,
            noise_c=math.hypot(SD_OF_8_C * fewer, self._settings.common_mode_c / math.sqrt(count)),
            frames=count,
        )

    def _mean(self) -> tuple[FloatFrame, FloatFrame]:
        """Mean patch, and of how many frames each of its pixels is; a pixel seen in none is 0."""
        stack = np.stack([laid.patch for laid in self._laid])
        known = ~np.isnan(stack)
        weight = known.sum(axis=0, dtype=np.float32)
        return np.where(known, stack, np.float32(0)).sum(axis=0) / np.maximum(weight, 1), weight

    def _registered(self, frame_c: FloatFrame, head: Head) -> tuple[tuple[int, int], FloatFrame]:
        """Corner and patch of `frame_c` that lie best over the mean so far, near where the head moved to."""
        last = self._laid[-1]
        mean, weight = self._mean()
        height, width = mean.shape
        # The box of a head that stands still jitters by half a pixel: only more than that is a move.
        row = last.corner[0] + _moved(head.top - last.head.top)
        column = last.corner[1] + _moved(head.column - last.head.column)
        best, best_at = math.inf, last.corner
        for top in (row, row - 1, row + 1):
            for left in (column, column - 1, column + 1):
                if not (0 <= top <= 24 - height and 0 <= left <= 32 - width):
                    continue
                off = (frame_c[top : top + height, left : left + width] - mean)[weight > 0]
                score = float(np.nanmean(off * off)) if np.isfinite(off).any() else math.inf
                if score < best:
                    best, best_at = score, (top, left)
        top, left = best_at
        return best_at, frame_c[top : top + height, left : left + width]


def _moved(by_px: float) -> int:
    return round(by_px) if abs(by_px) > 1 else 0


def expanded_uncertainty_c(measured: Measured, source_c: float | None, offset_noise_c: float) -> float:
    """Expanded uncertainty (k = 2) of a skin temperature, K: noise, source or sensor, sampling, in squares.

    source_c: expanded uncertainty of the reference source, K; None without one.
    """
    with_source = math.hypot((source_c or 0) / 2, ERROR_WITH_C / 2, offset_noise_c)
    system = ERROR_WITHOUT_C / 2 if source_c is None else with_source
    return 2 * math.hypot(measured.noise_c, system, SAMPLING_SD_C)
