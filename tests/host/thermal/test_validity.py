"""Every pixel that cannot be believed says why."""

import numpy as np
import pytest

from doumen.thermal.calibration import Calibration
from doumen.thermal.pixels import subpage_mask
from doumen.thermal.temperature import object_c
from doumen.thermal.validity import PixelFlag, merged_validity, validity


def flags_of(case, rows=None, **options):
    calibration = Calibration.from_eeprom(case.eeprom, strict=not case.is_datasheet_example)
    rows = case.subpages if rows is None else rows
    return validity(calibration, rows, object_c(calibration, rows), **options)


def test_half_of_a_good_subpage_is_unmeasured_and_nothing_else(golden):
    for case in golden.values():
        if case.is_unaltered_sensor:
            chess = bool(case.subpages[0, 832] & 0x1000)
            expected = np.where(subpage_mask(chess, int(case.subpages[0, 833])), 0, PixelFlag.UNMEASURED)
            assert np.array_equal(flags_of(case, range_c=(-60, 300))[0], expected), case.name


def test_every_nan_of_the_golden_cases_has_a_reason(golden):
    for case in golden.values():
        flags = flags_of(case)[0]
        assert np.all(flags[np.isnan(case.object_c)] != 0), case.name


def test_broken_and_outlier_pixels_are_those_of_the_factory(golden):
    flags = flags_of(golden["broken100_outlier200/frame0"])[0].ravel()
    assert flags[100] & PixelFlag.BROKEN
    assert flags[200] & PixelFlag.OUTLIER
    assert np.flatnonzero(flags & (PixelFlag.BROKEN | PixelFlag.OUTLIER)).tolist() == [100, 200]


def test_what_is_too_hot_or_without_solution_is_out_of_range(golden):
    hot = flags_of(golden["shift+12000/frame0"])[0]
    measured = hot & PixelFlag.UNMEASURED == 0
    assert np.all(hot[measured] & PixelFlag.OUT_OF_RANGE)
    cold = golden["shift-400/frame0"]
    gone = np.isnan(cold.object_c) & measured
    assert gone.any()
    assert np.all(flags_of(cold)[0][gone] == PixelFlag.OUT_OF_RANGE)


@pytest.mark.parametrize("word", [0x7FFF, 0x8000])
def test_a_word_at_the_end_of_its_range_is_saturated(melexis, word):
    rows = melexis[0].subpages.copy()
    rows[0, [0, 1]] = word
    flags = flags_of(melexis[0], rows)[0].ravel()
    assert flags[0] & PixelFlag.SATURATED
    assert flags[1] == PixelFlag.UNMEASURED


def test_a_subpage_without_a_number_measured_nothing_and_one_without_gain_nothing_sound(melexis):
    rows = np.concatenate([melexis[0].subpages] * 3)
    rows[0, 833], rows[1, 778], rows[2, 833] = 2, 0, 0xFFFF
    flags = flags_of(melexis[0], rows)
    assert np.all(flags[[0, 2]] == PixelFlag.UNMEASURED)
    assert np.all(flags[1][subpage_mask(True, 0)] == PixelFlag.OUT_OF_RANGE)


def test_a_merged_frame_takes_each_pixels_reason_from_the_half_that_measured_it(melexis):
    older, newer = (flags_of(case)[0] for case in melexis)
    assert not merged_validity(older, newer).any()
    older[0, 0], newer[0, 1] = PixelFlag.SATURATED, PixelFlag.OUT_OF_RANGE
    moved = np.zeros((24, 32), bool)
    moved[5, 5] = True
    merged = merged_validity(older, newer, moved)
    assert merged[0, 0] == PixelFlag.SATURATED
    assert merged[0, 1] == PixelFlag.OUT_OF_RANGE
    assert merged[5, 5] == PixelFlag.MOVED
    assert merged.dtype == np.uint8
