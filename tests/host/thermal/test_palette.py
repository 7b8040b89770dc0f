"""Colours for temperatures: hotter is always brighter."""

import numpy as np

from doumen.thermal.palette import NOTHING, PALETTE, STEPS, colours, lightness


def test_lightness_only_rises_and_in_even_steps():
    light = lightness(PALETTE)
    steps = np.diff(light)
    assert len(PALETTE) == STEPS
    assert np.all(steps > 0)
    assert steps.max() < 2.5 * steps.mean()
    assert light[0] < 3
    assert light[-1] > 97


def test_no_two_temperatures_look_alike_and_none_looks_like_nothing():
    assert len(np.unique(PALETTE, axis=0)) == STEPS
    distance = np.abs(PALETTE.astype(int) - np.array(NOTHING)).sum(axis=1)
    assert distance.min() > 60


def test_lightness_is_that_of_the_standard():
    grey = np.array([[0, 0, 0], [119, 119, 119], [255, 255, 255]], np.uint8)
    assert np.allclose(lightness(grey), [0, 50.03, 100], atol=0.05)


def test_the_ends_are_the_ends_and_what_lies_beyond_too():
    got = colours(np.array([[-40.0, 20.0, 40.0, 300.0]]), 20, 40)
    assert got.shape == (1, 4, 3)
    assert got.dtype == np.uint8
    assert np.array_equal(got[0], PALETTE[[0, 0, -1, -1]])


def test_nan_has_a_colour_of_its_own_and_a_flat_picture_is_no_error():
    got = colours(np.array([np.nan, 30.0, np.inf], np.float32), 30, 30)
    assert tuple(got[0]) == NOTHING
    assert np.array_equal(got[1], PALETTE[0])


def test_an_image_keeps_its_shape():
    assert colours(np.zeros((24, 32), np.float32), 0, 1).shape == (24, 32, 3)
    assert colours(np.zeros((5, 24, 32)), 0, 1).shape == (5, 24, 32, 3)
