"""From a warm blob to a head, and from a head to the part of the face that is measured.

Source of the proportions: an adult head is about 15.5 cm wide and 23 cm high; through the 55° x 35° part
(pixels 1.63 cm wide and 1.31 cm high at 0.5 m) it is 1.84 times as many pixels high as wide, at any
distance.
"""

from dataclasses import dataclass

import numpy as np

from doumen.config import ScreeningSettings
from doumen.screening.background import FloatFrame
from doumen.screening.blobs import Blob, Run

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


def find_head(blob: Blob) -> Head | None:
    """The head on top of a blob, or None when the blob has no head's shape.

    The width is taken where a head of that width is widest, so shoulders, which start lower, cannot stretch
    it.
    """
    runs = _downwards(blob)
    for width in range(NARROWEST_PX, WIDEST_PX + 1):
        height = HEAD_ASPECT_PX * width
        first = round(0.25 * height)
        last = max(round(0.60 * height), first + 1)
        if last > len(runs):
            return None
        middle_rows = runs[first:last]
        found = sum(end - start for start, end in middle_rows) / len(middle_rows)
        if found <= width + 0.5:
            if found < NARROWEST_PX - 0.5:
                return None
            middle = sum(start + end - 1 for start, end in middle_rows) / len(middle_rows) / 2
            return Head(top=float(blob.top), column=middle, width=found)
    return None


def _downwards(blob: Blob) -> list[Run]:
    """The run of each row that continues the crown downwards: raised arms beside the head are left out."""
    middle = sum(start + end - 1 for start, end in blob.rows[0]) / len(blob.rows[0]) / 2
    chosen: list[Run] = []
    for row in blob.rows:
        start, end = min(row, key=lambda run: max(run[0] - middle, middle - (run[1] - 1), 0.0))
        middle = (start + end - 1) / 2
        chosen.append((start, end))
    return chosen


def is_skin(frame_c: FloatFrame, head: Head, settings: ScreeningSettings) -> bool:
    """Whether the upper half of the head shows a face's temperature: its third hottest pixel, °C."""
    top, left = max(round(head.top), 0), max(round(head.column - head.width / 2), 0)
    patch = frame_c[top : top + round(0.7 * head.height), left : left + round(head.width) + 1]
    known = np.sort(patch[np.isfinite(patch)])
    if known.size < 6:
        return False
    return bool(settings.person_from_c <= known[-3] <= settings.person_to_c)
