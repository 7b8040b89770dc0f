"""From warm pixels to a head."""

import numpy as np
import pytest

from doumen.config import ScreeningSettings
from doumen.screening.blobs import find_blobs
from doumen.screening.face import Head, find_head, is_skin, upper_face

ROWS, COLUMNS = np.mgrid[0:24, 0:32]


def body(top: float, column: float, width: float) -> np.ndarray:
    """Head ellipse, neck and shoulders, true where there is somebody."""
    height = 1.84 * width
    head = ((COLUMNS - column) / (width / 2)) ** 2 + ((ROWS - top - height / 2) / (height / 2)) ** 2 <= 1
    neck = (top + 0.8 * height < ROWS) & (np.abs(COLUMNS - column) < 0.35 * width)
    shoulders = (top + 1.15 * height < ROWS) & (np.abs(COLUMNS - column) < 1.4 * width)
    return head | neck | shoulders


def test_nothing_warm_is_no_blob() -> None:
    assert find_blobs(np.zeros((24, 32), bool), 20) == []


def test_lone_pixels_are_dropped() -> None:
    assert find_blobs(np.random.default_rng(0).random((24, 32)) < 0.1, 20) == []


def test_blobs_come_largest_first_and_apart() -> None:
    warm = np.zeros((24, 32), bool)
    warm[2:10, 2:8] = True
    warm[5:20, 15:25] = True
    large, small = find_blobs(warm, 20)
    assert large.area_px > small.area_px
    assert (large.top, small.top) == (5, 2)


def test_two_arms_that_meet_below_are_one_blob() -> None:
    warm = np.zeros((24, 32), bool)
    warm[2:20, 3:8] = True
    warm[2:20, 15:20] = True
    warm[15:20, 3:20] = True
    assert len(find_blobs(warm, 20)) == 1


@pytest.mark.parametrize("width", [4.0, 6.0, 8.0, 10.0])
def test_a_head_is_found_with_its_width_whatever_the_shoulders(width: float) -> None:
    head = find_head(find_blobs(body(3, 16, width), 20)[0])
    assert head is not None
    assert head.width == pytest.approx(width, abs=1.3)
    assert head.column == pytest.approx(16, abs=0.7)
    assert head.top == pytest.approx(3, abs=1.5)


def test_a_flat_bar_has_no_head() -> None:
    warm = np.zeros((24, 32), bool)
    warm[18:23] = True
    assert find_head(find_blobs(warm, 20)[0]) is None


def test_the_upper_face_leaves_hair_and_mouth_out() -> None:
    head = Head(top=2.0, column=15.5, width=9.0)
    box = upper_face(head)
    assert box.inside
    assert head.top + 0.18 * head.height < box.top
    assert box.bottom < head.top + 0.74 * head.height
    assert box.right - box.left == pytest.approx(0.84 * head.width, abs=1.1)


def test_only_the_temperatures_of_a_face_are_skin() -> None:
    head = Head(top=4.0, column=16.0, width=8.0)
    for value_c, expected in ((27.0, False), (34.0, True), (39.5, True), (55.0, False)):
        assert is_skin(np.full((24, 32), value_c, np.float32), head, ScreeningSettings()) is expected
    assert is_skin(np.full((24, 32), np.nan, np.float32), head, ScreeningSettings()) is False
