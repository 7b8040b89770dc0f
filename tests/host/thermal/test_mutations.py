"""Ten thousand damaged EEPROMs and frames: nothing hangs, nothing escapes, nothing is silently wrong."""

import time

import numpy as np
import pytest

from doumen.errors import CalibrationError
from doumen.thermal.calibration import Calibration
from doumen.thermal.forensics import diagnose
from doumen.thermal.frame_checks import check_subpages
from doumen.thermal.temperature import object_c
from doumen.thermal.validity import validity

RUNS = 10_000
WORST = np.array([0x0000, 0xFFFF, 0x7FFF, 0x8000, 0x0001], np.uint16)


def flip(words, rng):
    places = rng.integers(0, words.size, rng.integers(1, 12))
    words[places] ^= np.uint16(1) << rng.integers(0, 16, len(places)).astype(np.uint16)
    return words


def swap(words, rng):
    one, other = rng.integers(0, words.size, (2, rng.integers(1, 6)))
    words[one], words[other] = words[other], words[one].copy()
    return words


def stripe(words, rng):
    words[rng.integers(0, 64) :: rng.integers(2, 64)] = rng.choice(WORST)
    return words


def shift(words, rng):
    return np.roll(words, rng.integers(-40, 40))


def swap_bytes(words, rng):
    first, last = sorted(rng.integers(0, words.size + 1, 2))
    words[first:last] = words[first:last].byteswap()
    return words


def cut(words, rng):
    words[rng.integers(0, words.size) :] = rng.choice(WORST)
    return words


def scribble_constants(words, rng):
    places = rng.integers(10, 64, rng.integers(1, 4))
    words[places] = np.where(
        rng.random(len(places)) < 0.5, rng.choice(WORST, len(places)), rng.integers(0, 1 << 16, len(places))
    )
    return words


def scribble_auxiliary(words, rng):
    places = rng.choice([768, 776, 778, 800, 808, 810, 832, 833], rng.integers(1, 5))
    words[places] = np.where(
        rng.random(len(places)) < 0.5, rng.choice(WORST, len(places)), rng.integers(0, 1 << 16, len(places))
    )
    return words


def noise(words, rng):
    return rng.integers(0, 1 << 16, words.size, dtype=np.uint16)


def keep(words, rng):
    return words


OF_EEPROMS = (
    keep,
    flip,
    flip,
    swap,
    stripe,
    shift,
    swap_bytes,
    cut,
    scribble_constants,
    scribble_constants,
    noise,
)
OF_FRAMES = (keep, flip, swap, stripe, shift, swap_bytes, cut, scribble_auxiliary, scribble_auxiliary, noise)


@pytest.mark.slow
def test_ten_thousand_damaged_dumps_and_frames_hang_nothing_and_leave_no_nan_without_a_reason(real_sensors):
    rng = np.random.default_rng(90640)
    sensors = list(real_sensors.values())
    refusals = []
    accepted = suspicious = 0
    slowest_s = 0.0
    for number in range(RUNS):
        case = sensors[number % 3][0]
        words = OF_EEPROMS[rng.integers(len(OF_EEPROMS))](case.eeprom.copy(), rng)
        frames = np.stack(
            [
                OF_FRAMES[rng.integers(len(OF_FRAMES))](case.subpages[0].copy(), rng),
                OF_FRAMES[rng.integers(len(OF_FRAMES))](case.subpages[0].copy(), rng),
            ]
        )
        mode = ("datasheet", "vendor")[number // 3 % 2]
        strict = number % 5 != 0
        started_s = time.monotonic()
        try:
            calibration = Calibration.from_eeprom(words, mode=mode, strict=strict)
        except CalibrationError as error:
            refusals.append((words, strict, str(error)))
        else:
            accepted += 1
            images_c = object_c(calibration, frames, dtype=(np.float32, np.float64)[number % 2])
            flags = validity(calibration, frames, images_c)
            assert np.all(np.isfinite(images_c) | (flags != 0)), number
            suspicious += int(np.count_nonzero(check_subpages(calibration, frames)))
        slowest_s = max(slowest_s, time.monotonic() - started_s)
    assert slowest_s < 1
    assert accepted > RUNS / 8
    assert suspicious > accepted
    assert len(refusals) > RUNS / 3
    for words, strict, message in refusals[::20]:
        assert message == str(diagnose(words, strict=strict).first_fatal), "refused by a name"
