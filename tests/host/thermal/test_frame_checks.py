"""Subpages that should not be believed are called by name."""

import numpy as np
import pytest

from doumen.thermal.calibration import Calibration
from doumen.thermal.frame_checks import FrameFlag, check_subpages
from doumen.thermal.pixels import subpage_mask

CONTROL, SUBPAGE = 832, 833


@pytest.fixture
def calibration(melexis):
    return Calibration.from_eeprom(melexis[0].eeprom)


@pytest.fixture
def rows(melexis):
    return np.concatenate([case.subpages for case in melexis])


def running(rows, count, rng):
    """As a sensor's RAM goes: every subpage changes its own half, the other stays."""
    ram = rows[0].copy()
    stream = []
    for number in range(count):
        mask = subpage_mask(True, number % 2).ravel()
        ram[:768][mask] += rng.integers(1, 6, 384).astype(np.uint16)
        ram[SUBPAGE] = number % 2
        stream.append(ram.copy())
    return np.stack(stream)


def test_real_subpages_have_nothing_suspicious(real_sensors):
    # The control word of cswank's recording is not known, so its supply voltage is not either; Signaloid's two
    # subpages are one and the same RAM.
    expected = {
        "melexis_example/": [0, 0],
        "signaloid/": [0, FrameFlag.REPEATED],
        "cswank_zig/": [FrameFlag.SUPPLY_OUT_OF_RANGE],
    }
    for sensor, cases in real_sensors.items():
        calibration = Calibration.from_eeprom(cases[0].eeprom)
        flags = check_subpages(calibration, np.concatenate([case.subpages for case in cases]))
        assert flags.tolist() == expected[sensor], sensor


def test_a_running_sensor_has_nothing_suspicious(calibration, rows):
    stream = running(rows, 40, np.random.default_rng(1))
    assert not check_subpages(calibration, stream).any()
    assert not check_subpages(calibration, stream[1:], stream[0]).any()


def test_a_lost_subpage_is_no_mismatch(calibration, rows):
    stream = running(rows, 40, np.random.default_rng(2))
    assert not check_subpages(calibration, stream[::3]).any()


def test_the_same_words_twice_are_repeated(calibration, rows):
    stream = running(rows, 4, np.random.default_rng(3))
    flags = check_subpages(calibration, stream[[0, 1, 1, 2]])
    assert flags.tolist() == [0, 0, FrameFlag.REPEATED, 0]
    assert check_subpages(calibration, stream[1:2], stream[1]).tolist() == [FrameFlag.REPEATED]
    assert check_subpages(calibration, stream[1:2]).tolist() == [0], "the first is compared to nothing"


def test_a_sensor_that_stands_still_repeats_though_its_subpages_alternate(calibration, rows):
    stuck = np.concatenate([rows[:1]] * 6)
    stuck[:, SUBPAGE] = [0, 1, 0, 1, 0, 1]
    assert np.all(check_subpages(calibration, stuck)[1:] == FrameFlag.REPEATED)


def test_a_recording_in_a_loop_repeats_and_is_no_mismatch(calibration, rows):
    flags = check_subpages(calibration, np.concatenate([rows] * 3))
    assert flags.tolist() == [0, 0, FrameFlag.REPEATED, 0, FrameFlag.REPEATED, 0]


def test_the_wrong_subpage_number_is_a_mismatch(calibration, rows):
    stream = running(rows, 6, np.random.default_rng(4))
    stream[3, SUBPAGE] ^= 1
    flags = check_subpages(calibration, stream)
    assert flags[3] == FrameFlag.PATTERN_MISMATCH
    assert not flags[[0, 1, 2, 4, 5]].any()


def test_the_wrong_pattern_is_a_mismatch(calibration, rows):
    stream = running(rows, 6, np.random.default_rng(5))
    stream[:, CONTROL] &= 0xEFFF
    flags = check_subpages(calibration, stream)
    assert np.all(flags[1:] == FrameFlag.PATTERN_MISMATCH | FrameFlag.UNCALIBRATED_PATTERN)
    assert flags[0] == FrameFlag.UNCALIBRATED_PATTERN


def test_words_without_a_reading_are_told_where_they_matter(golden, calibration, rows):
    for place in (0, 768, 776, 778, 800, 810):
        altered = rows[:1].copy()
        altered[0, place] = 0x7FFF
        assert check_subpages(calibration, altered)[0] & FrameFlag.WORDS_7FFF, place
    for place in (1, 808, 769):
        altered = rows[:1].copy()
        altered[0, place] = 0x7FFF
        assert not check_subpages(calibration, altered)[0], f"subpage 0 needs no word {place}"
    broken = Calibration.from_eeprom(golden["broken100_outlier200/frame0"].eeprom)
    altered = rows[:1].copy()
    altered[0, 100] = 0x7FFF
    assert not check_subpages(broken, altered)[0], "that pixel is known to be broken"


@pytest.mark.parametrize(
    ("place", "value", "flag"),
    [
        (778, 0, FrameFlag.ZERO_GAIN),
        (810, 0xCA00, FrameFlag.SUPPLY_OUT_OF_RANGE),
        (810, 0xC200, FrameFlag.SUPPLY_OUT_OF_RANGE),
        (800, 0x0400, FrameFlag.AMBIENT_OUT_OF_RANGE),
        (768, 0, FrameFlag.AMBIENT_OUT_OF_RANGE),
        (833, 2, FrameFlag.UNKNOWN_SUBPAGE),
        (833, 7, FrameFlag.UNKNOWN_SUBPAGE),
    ],
)
def test_what_is_out_of_range_is_named(calibration, rows, place, value, flag):
    rows[0, place] = value
    flags = check_subpages(calibration, rows[:1])[0]
    assert flags & flag


def test_words_of_zero_only_are_suspicious_in_every_way(calibration):
    nothing = np.zeros((3, 834), np.uint16)
    expected = FrameFlag.ZERO_GAIN | FrameFlag.SUPPLY_OUT_OF_RANGE | FrameFlag.AMBIENT_OUT_OF_RANGE
    assert np.all(check_subpages(calibration, nothing) & expected == expected)


def test_the_first_four_minutes_are_warm_up(calibration, rows):
    assert check_subpages(calibration, rows, uptime_ms=239_999).tolist() == [FrameFlag.WARM_UP] * 2
    assert check_subpages(calibration, rows, uptime_ms=[239_999, 240_000]).tolist() == [FrameFlag.WARM_UP, 0]
    assert not check_subpages(calibration, rows).any(), "an unknown uptime is no warm-up"


def test_interleaved_reading_of_a_chess_sensor_is_told(golden):
    case = golden["interleaved/frame0"]
    calibration = Calibration.from_eeprom(case.eeprom)
    assert check_subpages(calibration, case.subpages)[0] & FrameFlag.UNCALIBRATED_PATTERN


def test_no_subpages_have_no_flags(calibration):
    assert check_subpages(calibration, np.empty((0, 834), np.uint16)).shape == (0,)
    assert check_subpages(calibration, np.empty((0, 834), np.uint16), np.zeros(834, np.uint16)).shape == (0,)
