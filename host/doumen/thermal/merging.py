"""Two subpages make a frame: without the comb of what moved between them, and without a step between their levels."""

from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from doumen.thermal.pixels import mean_of_valid, merge, neighbours_of, subpage_mask

Floats = NDArray[np.floating]
Mask = NDArray[np.bool_]

# Median noise of a real sensor at 16 subpages a second, K (FACTS 1).
USUAL_NOISE_K = 0.4

_VERTICAL, _HORIZONTAL = ((-1, 0), (1, 0)), ((0, -1), (0, 1))
# Pixels of the same subpage near by: what moves touches more than one.
_COMPANIONS = {
    True: ((-1, -1), (-1, 1), (1, -1), (1, 1), (-2, 0), (2, 0), (0, -2), (0, 2)),
    False: ((0, -1), (0, 1), (0, -2), (0, 2)),
}


class Merged(NamedTuple):
    """A full frame, °C, and which of its pixels are interpolated because something moved there."""

    frame_c: Floats
    moved: Mask


def merge_moving(
    older_c: Floats,
    newer_c: Floats,
    before_c: Floats | None = None,
    *,
    chess: bool = True,
    noise_k: ArrayLike = USUAL_NOISE_K,
    sigmas: float = 4.0,
) -> Merged:
    """A full frame out of two subpages; where they disagree beyond noise, out of the newer one alone.

    older_c, newer_c: (..., 24, 32), °C, NaN where unmeasured, of different subpages.
    before_c: the image before older_c, of the same subpage as newer_c. With it a pixel has moved if half of its
        neighbours changed since then. Without it a pixel has moved if it sticks out of its neighbours above and below,
        or left and right, in company: fine detail at rest can then be taken for motion.
    noise_k: of one pixel, K; a number or (24, 32). sigmas: how many of it are still noise.
    Returns new arrays. A moved pixel is the mean of its measured neighbours in newer_c.
    Source: MLX90640 datasheet §10.6 (a subpage measures half of the pixels).
    """
    limit = sigmas * np.asarray(noise_k)
    stale = np.isnan(newer_c) & np.isfinite(older_c)
    around = neighbours_of(newer_c, _neighbours(chess))
    if before_c is not None:
        difference = newer_c - before_c
        changed = np.where(np.isfinite(difference), np.abs(difference) > np.sqrt(2) * limit, np.nan)
        moved = stale & (mean_of_valid(neighbours_of(changed, _neighbours(chess))) >= 0.5)
    else:
        moved = stale & _combed(older_c, around, limit, chess)
    inside = mean_of_valid(around)
    moved &= np.isfinite(inside)
    return Merged(np.where(moved, inside, merge(older_c, newer_c)), moved)


class FrameMerger:
    """Merges the subpages of one sensor as they come; knows motion by the subpage before the last.

    noise_k: of one pixel, K; a number or (24, 32), for example of a `NoiseMap`.
    """

    def __init__(
        self, *, chess: bool = True, noise_k: ArrayLike = USUAL_NOISE_K, sigmas: float = 4.0
    ) -> None:
        self._chess = chess
        self._noise_k = noise_k
        self._sigmas = sigmas
        self.reset()

    def reset(self) -> None:
        """Forget the subpages so far, as after a pause."""
        self._older: Floats | None = None
        self._before: Floats | None = None

    def update(self, image_c: Floats) -> Merged | None:
        """Take the next subpage image, (24, 32), °C, NaN where unmeasured.

        Returns the frame that it completes; None for the first, and after one was lost.
        """
        older, before = self._older, self._before
        self._before, self._older = older, image_c.copy()
        if older is None or np.any(np.isfinite(older) & np.isfinite(image_c)):
            self._before = None
            return None
        return merge_moving(
            older, image_c, before, chess=self._chess, noise_k=self._noise_k, sigmas=self._sigmas
        )


def pattern_offset_k(frame_c: Floats, *, chess: bool = True) -> Floats:
    """How much warmer subpage 1 reads than subpage 0, K; robust against edges and moving things.

    frame_c: (..., 24, 32), °C, NaN allowed. Returns (...,); 0 where there are no neighbours to compare.

    Every pixel is compared to the mean of its neighbours of the other subpage; the slope of a scene cancels, its
    edges are few beside the median. The border is left out: it has neighbours on one side only.
    """
    sign = np.where(subpage_mask(chess, 1), 1, -1)
    step = (frame_c - neighbours_of(frame_c, _neighbours(chess)).mean(axis=0)) * sign
    flat = step.reshape(*step.shape[:-2], -1)
    # nanmedian warns about a frame without any pixel.
    is_known = np.isfinite(flat).any(axis=-1, keepdims=True)
    return np.nanmedian(np.where(is_known, flat, 0), axis=-1)


def deinterlace(frame_c: Floats, *, chess: bool = True) -> Floats:
    """Takes the checkerboard (or the rows, in interleaved pattern) out of a merged frame; its mean stays.

    frame_c: (..., 24, 32), °C. Returns a new array.
    Source: MLX90640 datasheet §10.6 (fixed pattern noise of the reading patterns).
    """
    half = pattern_offset_k(frame_c, chess=chess)[..., np.newaxis, np.newaxis] / 2
    return frame_c - np.where(subpage_mask(chess, 1), half, -half).astype(frame_c.dtype)


def _neighbours(chess: bool) -> tuple[tuple[int, int], ...]:
    """The nearest pixels of the other subpage."""
    return (*_VERTICAL, *_HORIZONTAL) if chess else _VERTICAL


def _combed(older: Floats, around: Floats, limit: NDArray[np.floating], chess: bool) -> Mask:
    """Pixels of the older subpage that stick out of the newer one like the teeth of a comb, in company."""
    found = np.zeros(older.shape, np.bool_)
    with np.errstate(invalid="ignore"):
        for sign in (1.0, -1.0):
            # How far the pixel stands above its neighbours, beyond noise; NaN compares as not at all.
            above = sign * (older - around) > limit
            level = np.abs(older - around) <= limit
            out = above[0] & above[1]
            if chess:
                # A thin thing at rest sticks out of one pair and is level with the other.
                out = (out & ~(level[2] & level[3])) | (above[2] & above[3] & ~(level[0] & level[1]))
            company = neighbours_of(out.astype(np.float32), _COMPANIONS[chess])
            found |= out & np.any(company == 1, axis=0)
    return found
