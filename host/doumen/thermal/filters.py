"""What is known only from many subpages: the compensation pixel's mean, each pixel's noise, a quiet picture.

Each filter keeps the state of one sensor, takes what comes with `update`, and forgets it all with `reset`. Arrays
handed in are never modified, those handed out are new.
"""

import numpy as np
from numpy.typing import ArrayLike, NDArray

from doumen.thermal.conditions import CONTROL_WORD, SUBPAGE_WORD, SUBPAGE_WORDS
from doumen.thermal.merging import USUAL_NOISE_K
from doumen.thermal.pixels import COLUMNS, ROWS

Floats = NDArray[np.floating]

MIN_COMPENSATION_WINDOW = 16
# RAM 0x0708 and 0x0728: the compensation pixel of subpage 0 and 1.
_COMPENSATION_WORDS = (776, 808)
_NO_WORD = 0x7FFF
# Median of |x| over the standard deviation, for normal noise.
_MEDIAN_OF_NORMAL = 0.6745


class CompensationAverage:
    """Moving average of the compensation pixel's word of each subpage, before calibration.

    Its noise is common to all pixels of a subpage: unfiltered it makes the whole picture flicker.
    Source: MLX90640 datasheet §11.2.2.6.1 (at least 16 readings).
    """

    def __init__(self, window: int = MIN_COMPENSATION_WINDOW) -> None:
        if window < MIN_COMPENSATION_WINDOW:
            raise ValueError(f"window is {window}, the datasheet asks for {MIN_COMPENSATION_WINDOW} or more")
        self._window = window
        self.reset()

    def reset(self) -> None:
        """Forget the readings so far."""
        self._words: tuple[list[int], list[int]] = ([], [])
        self._control: int | None = None

    def update(self, subpages: NDArray[np.uint16]) -> NDArray[np.uint16]:
        """Replace the compensation word of each of (N, 834) subpages, in their order, by the mean of the last.

        Only the word of a row's own subpage is new, so only that is averaged. Another control word means other
        counts: the average begins anew. Words without a reading (0x7FFF) are left as they are.
        """
        averaged = subpages.reshape(-1, SUBPAGE_WORDS).copy()
        for row in averaged:
            subpage, control = int(row[SUBPAGE_WORD]), int(row[CONTROL_WORD])
            if control != self._control:
                self.reset()
                self._control = control
            if subpage > 1:
                continue
            place = _COMPENSATION_WORDS[subpage]
            word = int(row[place])
            if word == _NO_WORD:
                continue
            words = self._words[subpage]
            words.append(word - 0x10000 if word & 0x8000 else word)
            del words[: -self._window]
            row[place] = round(sum(words) / len(words)) & 0xFFFF
        return averaged.reshape(subpages.shape)


class NoiseMap:
    """The noise of every pixel, learned while nothing moves: from how much it differs from one reading to the next.

    The median of the differences bears people who walk through now and then; slow drift is not taken for noise.
    """

    def __init__(self, *, readings: int = 64, readings_from: int = 16) -> None:
        """readings: how many differences of a pixel are kept; readings_from: below that many it is not known."""
        self._kept = readings
        self._from = readings_from
        self.reset()

    def reset(self) -> None:
        """Learn anew, as after a change of refresh rate."""
        self._last = np.full((ROWS, COLUMNS), np.nan)
        self._differences = np.full((self._kept, ROWS, COLUMNS), np.nan)
        self._count = np.zeros((ROWS, COLUMNS), np.intp)

    def update(self, image_c: Floats) -> None:
        """Learn from a subpage image or a frame, (24, 32), °C, NaN where unmeasured.

        An image that repeats the last one exactly teaches nothing: that is a stuck sensor or a recording in a loop.
        """
        measured = np.isfinite(image_c)
        step = np.abs(image_c - self._last)
        known = np.isfinite(step)
        if known.any() and not step[known].any():
            return
        self._differences[self._count[known] % self._kept, *np.nonzero(known)] = step[known]
        self._count[known] += 1
        self._last[measured] = image_c[measured]

    @property
    def noise_k(self) -> Floats:
        """Standard deviation of one reading, (24, 32), K; NaN where too little was seen."""
        known = self._count >= self._from
        noise_k = np.full((ROWS, COLUMNS), np.nan)
        noise_k[known] = np.nanmedian(self._differences[:, known], axis=0) / (_MEDIAN_OF_NORMAL * np.sqrt(2))
        return noise_k

    @property
    def is_complete(self) -> bool:
        """Whether the noise of every pixel is known."""
        return bool(np.all(self._count >= self._from))


class TemporalFilter:
    """Averages the last readings of a pixel, and begins anew with it when something moves there.

    noise_k: of one reading, K; a number or (24, 32); where NaN, a usual sensor's.
    readings: how many are averaged. sigmas: a reading that far from the average is movement.
    """

    def __init__(self, noise_k: ArrayLike = USUAL_NOISE_K, *, readings: int = 8, sigmas: float = 3.0) -> None:
        noise = np.broadcast_to(np.asarray(noise_k, np.float64), (ROWS, COLUMNS))
        self._limit = sigmas * np.where(np.isfinite(noise), noise, USUAL_NOISE_K)
        self._readings = readings
        self.reset()

    def reset(self) -> None:
        """Forget the picture."""
        self._mean = np.zeros((ROWS, COLUMNS))
        self._count = np.zeros((ROWS, COLUMNS))

    def update(self, image_c: Floats) -> Floats:
        """The averages where image_c, (24, 32), °C, was measured; NaN where it was not.

        A pixel without a reading keeps its average for the next time.
        """
        measured = np.isfinite(image_c)
        step = np.where(measured, image_c - self._mean, 0)
        # An average of n readings is itself uncertain by 1/sqrt(n).
        moved = np.abs(step) > self._limit * np.sqrt(1 + 1 / np.maximum(self._count, 1))
        count = np.where(moved, 1, np.minimum(self._count + 1, self._readings))
        self._mean = self._mean + np.where(measured, step / count, 0)
        self._count = np.where(measured, count, self._count)
        return np.where(measured, self._mean, np.nan).astype(image_c.dtype)
