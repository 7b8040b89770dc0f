"""Frames of one face laid over each other."""

import numpy as np
import pytest

from doumen.config import ScreeningSettings
from doumen.screening.face import Head
from doumen.screening.reading import FaceStack, Measured, expanded_uncertainty_c

HEAD = Head(top=3.0, column=16.0, width=9.0)


def face(rng: np.random.Generator, *, right: int = 0, skin_c: float = 35.0) -> np.ndarray:
    """A face with two warm eyes of four pixels and a mouth hotter than them, noise of the centre."""
    frame = np.full((24, 32), 23.0)
    frame[3:20, 12 + right : 21 + right] = skin_c - 1.5
    for column in (13, 18):
        frame[10:12, column + right : column + 2 + right] = skin_c
    frame[16:18, 15 + right : 18 + right] = skin_c + 2.0
    return (frame + 0.29 * rng.standard_normal((24, 32))).astype(np.float32)


def measured(settings: ScreeningSettings, frames: int, seed: int, skin_c: float = 35.0) -> Measured | None:
    rng = np.random.default_rng(seed)
    stack = FaceStack(settings)
    for step in range(frames):
        assert stack.add(step * 125, face(rng, skin_c=skin_c), HEAD)
    return stack.measure()


def test_too_few_frames_give_no_reading() -> None:
    assert measured(ScreeningSettings(), 2, 0) is None


@pytest.mark.parametrize("frames", [3, 5, 8])
def test_the_reading_is_the_warm_eyes_and_not_the_mouth(frames: int) -> None:
    readings = [measured(ScreeningSettings(), frames, seed) for seed in range(60)]
    apparent = [reading.apparent_c for reading in readings if reading is not None]
    assert len(apparent) == 60
    assert float(np.mean(apparent)) == pytest.approx(35.0, abs=0.08)
    assert float(np.std(apparent)) < 0.15


def test_a_warmer_face_reads_as_much_warmer() -> None:
    by_skin = {
        skin_c: np.mean(
            [r.apparent_c for s in range(20) if (r := measured(ScreeningSettings(), 5, s, skin_c))]
        )
        for skin_c in (34.0, 36.0, 38.0, 40.0)
    }
    slope = np.polyfit(list(by_skin), list(by_skin.values()), 1)[0]
    assert slope == pytest.approx(1.0, abs=0.02)


def test_a_face_that_sways_is_laid_over_itself() -> None:
    rng = np.random.default_rng(1)
    stack = FaceStack(ScreeningSettings())
    for step, right in enumerate((0, 1, 2, 1, 0, 1)):
        head = Head(HEAD.top, HEAD.column + right, HEAD.width)
        stack.add(step * 125, face(rng, right=right), head)
    reading = stack.measure()
    assert reading is not None
    assert reading.frames == 6
    assert reading.apparent_c == pytest.approx(35.0, abs=0.25)


def test_frames_of_a_face_much_farther_away_are_dropped() -> None:
    rng = np.random.default_rng(2)
    stack = FaceStack(ScreeningSettings())
    stack.add(0, face(rng), Head(top=5.0, column=16.0, width=6.5))
    stack.add(125, face(rng), HEAD)
    assert stack.frames == 1
    assert stack.first_ms == 125


def test_a_face_with_a_missing_row_is_not_taken() -> None:
    frame = face(np.random.default_rng(3))
    frame[10] = np.nan
    assert not FaceStack(ScreeningSettings()).add(0, frame, HEAD)


def test_the_uncertainty_is_smaller_with_a_source_and_with_more_frames() -> None:
    few, many = measured(ScreeningSettings(), 3, 0), measured(ScreeningSettings(), 8, 0)
    assert few is not None
    assert many is not None
    assert expanded_uncertainty_c(many, 0.3, 0.02) < expanded_uncertainty_c(few, 0.3, 0.02)
    assert expanded_uncertainty_c(many, 0.3, 0.02) < 0.5 < 0.97 <= expanded_uncertainty_c(many, None, 0.0)
