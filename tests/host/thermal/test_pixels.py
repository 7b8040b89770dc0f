"""Patterns, merging and repair of pixels."""

import numpy as np
import pytest

from doumen.thermal.pixels import merge, neighbours_of, repair, subpage_mask


@pytest.mark.parametrize("chess", [True, False])
def test_two_subpages_cover_every_pixel_once(chess):
    first, second = subpage_mask(chess, 0), subpage_mask(chess, 1)
    assert first.sum() == second.sum() == 384
    assert np.array_equal(first, ~second)


def test_chess_starts_with_the_first_pixel_and_interleaved_with_the_first_row():
    assert subpage_mask(True, 0)[0, :4].tolist() == [True, False, True, False]
    assert subpage_mask(True, 0)[1, :4].tolist() == [False, True, False, True]
    assert subpage_mask(False, 0)[0].all()
    assert subpage_mask(False, 1)[1].all()


def test_another_subpage_number_measures_nothing():
    assert not subpage_mask(True, 2).any()


def test_the_masks_agree_with_the_pixels_of_the_golden_cases(golden):
    for case in golden.values():
        if not case.name.startswith("shift-400"):
            chess = bool(case.subpages[0, 832] & 0x1000)
            mask = subpage_mask(chess, int(case.subpages[0, 833]))
            assert np.array_equal(np.isfinite(case.object_c), mask), case.name


def test_the_newer_subpage_wins_where_it_measured():
    older, newer = np.full((24, 32), 20.0), np.full((24, 32), 30.0)
    newer[~subpage_mask(True, 1)] = np.nan
    merged = merge(older, newer)
    assert np.all(merged[subpage_mask(True, 1)] == 30)
    assert np.all(merged[subpage_mask(True, 0)] == 20)
    assert np.isnan(newer).any(), "the inputs stay as they were"


def test_a_pixel_that_neither_measured_stays_nan():
    nothing = np.full((24, 32), np.nan)
    assert np.isnan(merge(nothing, nothing)).all()


def bad_at(*places):
    bad = np.zeros((24, 32), bool)
    for place in places:
        bad[place] = True
    return bad


def test_a_bad_pixel_becomes_the_mean_of_its_diagonal_neighbours_in_chess():
    image_c = np.arange(768.0).reshape(24, 32)
    image_c[5, 7] = 1000
    repaired = repair(image_c, bad_at((5, 7)))
    assert repaired[5, 7] == 5 * 32 + 7
    assert image_c[5, 7] == 1000
    repaired[5, 7] = 1000
    assert np.array_equal(repaired, image_c)


def test_a_bad_pixel_becomes_the_mean_of_its_neighbours_in_the_row_in_interleaved():
    image_c = np.arange(768.0).reshape(24, 32)
    image_c[4:7:2] = 500
    assert repair(image_c, bad_at((5, 7)), chess=False)[5, 7] == 5 * 32 + 7


@pytest.mark.parametrize("corner", [(0, 0), (0, 31), (23, 0), (23, 31)])
def test_a_corner_is_repaired_from_the_one_neighbour_it_has(corner):
    image_c = np.full((24, 32), 25.0)
    image_c[corner] = -273
    assert repair(image_c, bad_at(corner))[corner] == 25


def test_bad_neighbours_are_not_asked():
    image_c = np.full((24, 32), 25.0)
    image_c[5, 5] = image_c[6, 6] = 900
    repaired = repair(image_c, bad_at((5, 5), (6, 6)))
    assert repaired[5, 5] == repaired[6, 6] == 25


def test_a_pixel_without_one_valid_neighbour_is_nan():
    image_c = np.full((24, 32), np.nan)
    image_c[0, 0] = 30
    assert np.isnan(repair(image_c, bad_at((0, 0)))[0, 0])


def test_many_images_are_repaired_at_once_and_an_unmeasured_pixel_stays_unmeasured():
    images_c = np.full((2, 24, 32), 25.0, np.float32)
    images_c[0][~subpage_mask(True, 0)] = np.nan
    images_c[1][~subpage_mask(True, 1)] = np.nan
    repaired = repair(images_c, bad_at((4, 4)))
    assert repaired.dtype == np.float32
    assert repaired[0, 4, 4] == 25
    assert np.isnan(repaired[1, 4, 4])


def test_every_image_may_have_its_own_bad_pixels():
    images_c = np.stack([np.full((24, 32), 25.0), np.full((24, 32), 30.0)])
    bad = np.stack([bad_at((3, 3)), bad_at((9, 9), (0, 31))])
    images_c[bad] = 900
    repaired = repair(images_c, bad)
    assert np.all(repaired[0] == 25)
    assert np.all(repaired[1] == 30)


def test_nothing_bad_leaves_everything_as_it_was():
    image_c = np.arange(768.0).reshape(24, 32)
    assert np.array_equal(repair(image_c, bad_at()), image_c)


def test_neighbours_beyond_the_edge_are_nan():
    image = np.arange(768.0).reshape(24, 32)
    above, right = neighbours_of(image, ((-1, 0), (0, 2)))
    assert np.isnan(above[0]).all()
    assert np.array_equal(above[1:], image[:-1])
    assert np.isnan(right[:, 30:]).all()
    assert np.array_equal(right[:, :30], image[:, 2:])
