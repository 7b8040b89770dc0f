"""What each pixel shows when nobody stands in front of it.

A running median for each pixel, frozen where something warm is. It cannot be spoiled by a face that is
there at the start: the face becomes background, and once it leaves, pixels that stay colder than their
background are believed within half a second. Only furniture can be warm and still for long; after
`static_after_ms` it becomes background.
"""

import numpy as np
import numpy.typing as npt

from doumen.config import ScreeningSettings

FloatFrame = npt.NDArray[np.float32]
BoolFrame = npt.NDArray[np.bool_]

SHAPE = (24, 32)
# Median absolute deviation to standard deviation of a normal distribution.
MAD_TO_SD = 1.4826
COLD_FOR_MS = 500
# A pixel with less noise than this would make foreground of quantisation steps.
LEAST_NOISE_C = 0.1


class Background:
    """Level and noise of every pixel, (24, 32) float32, °C and K; usable when `ready`."""

    def __init__(self, settings: ScreeningSettings) -> None:
        self._settings = settings
        self._first: list[FloatFrame] = []
        self._first_ms = 0
        self._last_ms = 0
        self.ready = False
        self.level_c: FloatFrame = np.full(SHAPE, np.nan, np.float32)
        self.noise_c: FloatFrame = np.full(SHAPE, LEAST_NOISE_C, np.float32)
        self._margin_c: FloatFrame = np.full(SHAPE, np.inf, np.float32)
        self._warm_ms = np.zeros(SHAPE, np.float32)
        self._cold_ms = np.zeros(SHAPE, np.float32)

    @property
    def ambient_c(self) -> float:
        """Median level of the view, °C; half the view would have to be faces to spoil it."""
        known = self.level_c[np.isfinite(self.level_c)]
        return float(np.median(known)) if known.size else float("nan")

    def warm(self, frame_c: FloatFrame) -> BoolFrame:
        """Pixels clearly over their background, (24, 32); never where either is NaN."""
        with np.errstate(invalid="ignore"):
            return frame_c - self.level_c > self._margin_c

    def learn(self, t_ms: int, frame_c: FloatFrame, warm: BoolFrame, *, someone: bool) -> None:
        """Take one frame in. `warm` is what `warm()` said; `someone`: people are being followed."""
        if not self.ready:
            self._bootstrap(t_ms, frame_c)
            return
        elapsed_ms = float(min(max(t_ms - self._last_ms, 0), 1_000))
        self._last_ms = t_ms
        step_c = np.float32(self._settings.background_slew_c_s * elapsed_ms / 1000)

        with np.errstate(invalid="ignore"):
            off_c = frame_c - self.level_c
            quiet = np.isfinite(off_c) & ~_grown(warm)
            self.level_c[quiet] += np.clip(off_c[quiet], -step_c, step_c)
            spread = np.abs(off_c) * np.float32(MAD_TO_SD) - self.noise_c
            self.noise_c[quiet] += np.clip(spread[quiet], -step_c / 8, step_c / 8)
            cold = off_c < -np.maximum(2.0, 4 * self.noise_c)
        np.maximum(self.noise_c, LEAST_NOISE_C, out=self.noise_c)

        self._set_margin()
        self._warm_ms = np.where(warm, self._warm_ms + np.float32(elapsed_ms), np.float32(0))
        # Somebody's cold coat is not the wall: colder pixels are believed only when nobody is there.
        self._cold_ms = np.where(cold & (not someone), self._cold_ms + np.float32(elapsed_ms), np.float32(0))
        renewed = (self._warm_ms > self._settings.static_after_ms) | (self._cold_ms > COLD_FOR_MS)
        renewed |= np.isnan(self.level_c) & np.isfinite(frame_c)
        self.level_c[renewed] = frame_c[renewed]

    def _bootstrap(self, t_ms: int, frame_c: FloatFrame) -> None:
        if not self._first:
            self._first_ms = t_ms
        self._first.append(frame_c.copy())
        self._last_ms = t_ms
        if t_ms - self._first_ms < self._settings.bootstrap_ms or len(self._first) < 4:
            return
        stack = np.stack(self._first)
        self.level_c = _median(stack)
        self.noise_c = np.maximum(
            _median(np.abs(stack - self.level_c)) * np.float32(MAD_TO_SD), LEAST_NOISE_C
        )
        self.noise_c[np.isnan(self.noise_c)] = LEAST_NOISE_C
        self._first = []
        self._set_margin()
        self.ready = True

    def _set_margin(self) -> None:
        settings = self._settings
        self._margin_c = np.maximum(settings.foreground_over_c, settings.foreground_noises * self.noise_c)


def fill_gaps(frame_c: FloatFrame) -> FloatFrame:
    """The frame with single missing pixels and rows replaced by the mean of what is above and below.

    For finding people only, never for measuring them. Gaps of more than one row stay NaN.
    """
    gaps = np.isnan(frame_c)
    if not gaps.any():
        return frame_c
    framed = np.pad(frame_c, ((1, 1), (0, 0)), mode="edge")
    above, below = framed[:-2], framed[2:]
    between = np.where(np.isnan(above), below, np.where(np.isnan(below), above, (above + below) / 2))
    return np.where(gaps, between, frame_c)


def _median(stack: FloatFrame) -> FloatFrame:
    """Median over the first axis, ignoring NaN, without a warning where nothing is left."""
    ordered = np.sort(stack, axis=0)
    count = np.isfinite(ordered).sum(axis=0)
    middle = np.take_along_axis(ordered, (np.maximum(count - 1, 0) // 2)[None], axis=0)[0]
    return middle.astype(np.float32)


def _grown(mask: BoolFrame) -> BoolFrame:
    """The mask and its neighbours: mixed pixels around a person must not be learnt."""
    grown = mask.copy()
    grown[1:] |= mask[:-1]
    grown[:-1] |= mask[1:]
    grown[:, 1:] |= grown[:, :-1].copy()
    grown[:, :-1] |= grown[:, 1:].copy()
    return grown
