"""From a warm blob to a head, and from a head to the part of the face that is measured.

Source of the proportions: an adult head is about 15.5 cm wide and 23 cm high; through the 55° x 35° part
(pixels 1.63 cm wide and 1.31 cm high at 0.5 m) it is 1.84 times as many pixels high as wide, at any
distance.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from doumen.config import ScreeningSettings
from doumen.screening.background import BoolFrame, FloatFrame

HEAD_ASPECT_PX = 1.84
NARROWEST_PX, WIDEST_PX = 3, 20
# Fractions of the head's height from the crown: below the hair, above the mouth (which starts at 0.74).
UPPER_FACE_FROM, UPPER_FACE_TO = 0.22, 0.66
UPPER_FACE_HALF_WIDTH = 0.42


@dataclass(frozen=True, slots=True)
class Head:
    """A head in the frame, pixels: `top` row of the crown, `column` of its middle, `width`; fractions."""

    top: float
    column: float
    width: float

    @property
    def height(self) -> float:
        return HEAD_ASPECT_PX * self.width


@dataclass(frozen=True, slots=True)
class Box:
    """Rows top..bottom and columns left..right of the frame, ends excluded."""

    top: int
    bottom: int
    left: int
    right: int

    @property
    def inside(self) -> bool:
        return 0 <= self.top < self.bottom <= 24 and 0 <= self.left < self.right <= 32


def upper_face(head: Head) -> Box:
    """The box around forehead and eyes, mouth left out: it makes the face maximum vary (FACTS 2)."""
    half = UPPER_FACE_HALF_WIDTH * head.width
    return Box(
        top=round(head.top + UPPER_FACE_FROM * head.height),
        bottom=round(head.top + UPPER_FACE_TO * head.height),
        left=round(head.column - half + 0.5),
        right=round(head.column + half + 0.5),
    )


def find_head(blob: BoolFrame) -> Head | None:
    """The head on top of a blob, or None when the blob has no head's shape.

    blob: (24, 32), one connected blob. The width is taken where a head of that width is widest, so
    shoulders, which start lower, cannot stretch it.
    """
    rows = np.flatnonzero(blob.any(axis=1))
    if rows.size < NARROWEST_PX:
        return None
    top = int(rows[0])
    crown = np.flatnonzero(blob[top : top + 2].any(axis=0))
    column = float(crown.mean())
    lefts, rights = _run_at(blob[top : int(rows[-1]) + 1], column)
    widths = rights - lefts
    for width in range(NARROWEST_PX, WIDEST_PX + 1):
        height = HEAD_ASPECT_PX * width
        first, last = round(0.25 * height), max(round(0.60 * height), round(0.25 * height) + 1)
        if last > widths.size:
            return None
        found = float(widths[first:last].mean())
        if found <= width + 0.5:
            if found < NARROWEST_PX - 0.5:
                return None
            middle = float((lefts[first:last] + rights[first:last]).mean()) / 2 - 0.5
            return Head(top=float(top), column=middle, width=found)
    return None


def is_skin(frame_c: FloatFrame, head: Head, settings: ScreeningSettings) -> bool:
    """Whether the upper half of the head shows a face's temperature: its third hottest pixel, °C."""
    top, left = max(round(head.top), 0), max(round(head.column - head.width / 2), 0)
    patch = frame_c[top : top + round(0.7 * head.height), left : left + round(head.width) + 1]
    known = np.sort(patch[np.isfinite(patch)])
    if known.size < 6:
        return False
    return bool(settings.person_from_c <= known[-3] <= settings.person_to_c)


def _run_at(blob: BoolFrame, column: float) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    """Left and right end (excluded), row by row, of the run that continues the head downwards."""
    lefts = np.zeros(blob.shape[0])
    rights = np.zeros(blob.shape[0])
    middle = column
    for row, line in enumerate(blob):
        edges = np.flatnonzero(np.diff(line.astype(np.int8), prepend=0, append=0))
        starts, ends = edges[::2], edges[1::2]
        if starts.size == 0:
            continue
        nearest = int(np.argmin(np.maximum(np.maximum(starts - middle, middle - (ends - 1)), 0)))
        lefts[row], rights[row] = starts[nearest], ends[nearest]
        middle = (lefts[row] + rights[row] - 1) / 2
    return lefts, rights
