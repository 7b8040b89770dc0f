"""Filters with a memory: what they learn, and when they must forget."""

import numpy as np
import pytest

from doumen.thermal.calibration import Calibration
from doumen.thermal.filters import CompensationAverage, NoiseMap, TemporalFilter
from doumen.thermal.pixels import subpage_mask
from doumen.thermal.temperature import object_c

CONTROL, SUBPAGE = 832, 833
OF_SUBPAGE = (776, 808)


def stream(readings, control=0x1901):
    """Subpages 0, 1, 0, 1... whose own compensation word is the next reading."""
    rows = np.zeros((len(readings), 834), np.uint16)
    rows[:, CONTROL] = control
    for number, (row, reading) in enumerate(zip(rows, readings, strict=True)):
        row[SUBPAGE] = number % 2
        row[OF_SUBPAGE[number % 2]] = reading & 0xFFFF
    return rows


def own_words(rows):
    signed = rows.view(np.int16)
    return [int(row[OF_SUBPAGE[number % 2]]) for number, row in enumerate(signed)]


def test_each_subpages_compensation_pixel_has_its_own_average():
    readings = [-100, 40, -102, 42, -104, 44]
    assert own_words(CompensationAverage().update(stream(readings))) == [-100, 40, -101, 41, -102, 42]


def test_the_average_runs_over_the_last_sixteen_readings():
    rng = np.random.default_rng(1)
    readings = rng.integers(-120, -80, 200).tolist()
    words = own_words(CompensationAverage().update(stream(readings)))
    for number in range(40, 200):
        last = readings[number - 30 : number + 1 : 2]
        assert words[number] == round(sum(last) / 16)


def test_one_by_one_gives_what_a_batch_gives_and_nothing_else_changes():
    rows = stream(list(range(-50, 50)))
    rows[:, :768] = 7
    before = rows.copy()
    average = CompensationAverage()
    single = np.stack([average.update(row) for row in rows])
    batch = CompensationAverage().update(rows)
    assert np.array_equal(single, batch)
    assert np.array_equal(rows, before)
    assert set(np.flatnonzero((batch != rows).any(axis=0)).tolist()) <= set(OF_SUBPAGE)


def test_another_resolution_begins_a_new_average():
    average = CompensationAverage()
    average.update(stream([100] * 8))
    assert own_words(average.update(stream([300, 300], control=0x1D01))) == [300, 300]


def test_a_word_without_a_reading_spoils_nothing():
    average = CompensationAverage()
    words = own_words(average.update(stream([-100, 0, 0x7FFF, 0, -100, 0])))
    assert words == [-100, 0, 0x7FFF, 0, -100, 0]
    rows = stream([5])
    rows[0, SUBPAGE] = 2
    assert np.array_equal(average.update(rows), rows)


def test_fewer_than_sixteen_readings_are_refused():
    with pytest.raises(ValueError, match="16"):
        CompensationAverage(15)


def test_a_noisy_compensation_pixel_no_longer_makes_the_picture_flicker(golden):
    calibration = Calibration.from_eeprom(golden["tgc=1/frame0"].eeprom)
    rng = np.random.default_rng(2)
    rows = np.concatenate([golden["tgc=1/frame0"].subpages] * 200)
    rows[:, 776] += rng.integers(-8, 9, 200).astype(np.uint16)
    mean_c = np.nanmean(object_c(calibration, rows), axis=(1, 2))
    calm_c = np.nanmean(object_c(calibration, CompensationAverage().update(rows)), axis=(1, 2))
    assert calm_c[16:].std() < 0.35 * mean_c.std()


def still(rng, noise_k, subpage):
    scene_c = 20 + np.arange(768.0).reshape(24, 32) / 100
    return np.where(subpage_mask(True, subpage), scene_c + rng.normal(0, 1, (24, 32)) * noise_k, np.nan)


def test_the_noise_of_every_pixel_is_learned_on_a_still_scene():
    rng = np.random.default_rng(4)
    noise_k = np.linspace(0.2, 1.3, 768).reshape(24, 32)
    noise = NoiseMap()
    for number in range(260):
        noise.update(still(rng, noise_k, number % 2))
    assert noise.is_complete
    ratio = noise.noise_k / noise_k
    assert np.median(ratio) == pytest.approx(1, abs=0.03)
    assert ratio.min() > 0.5
    assert ratio.max() < 1.8


def test_people_who_walk_through_and_drift_are_not_taken_for_noise():
    rng = np.random.default_rng(5)
    noise = NoiseMap()
    for number in range(260):
        image_c = still(rng, 0.3, number % 2) + 0.01 * number
        if number % 50 > 40:
            image_c[4:20, 8:20] += 12
        noise.update(image_c)
    assert np.median(noise.noise_k) == pytest.approx(0.3, rel=0.1)
    assert noise.noise_k[4:20, 8:20].max() < 0.7


def test_too_little_seen_is_not_known_and_a_reset_forgets():
    rng = np.random.default_rng(6)
    noise = NoiseMap()
    for number in range(34):
        assert np.isnan(noise.noise_k).any()
        noise.update(still(rng, 0.3, number % 2))
    assert noise.is_complete
    noise.reset()
    assert np.isnan(noise.noise_k).all()


def test_a_recording_in_a_loop_teaches_no_silence():
    rng = np.random.default_rng(7)
    images_c = [still(rng, 0.3, 0), still(rng, 0.3, 1)]
    noise = NoiseMap()
    for number in range(100):
        noise.update(images_c[number % 2])
    assert np.isnan(noise.noise_k).all()


def test_a_quiet_pixel_becomes_quieter():
    rng = np.random.default_rng(8)
    quiet = TemporalFilter(0.3)
    for number in range(60):
        filtered_c = quiet.update(still(rng, 0.3, number % 2))
    measured = subpage_mask(True, 1)
    scene_c = 20 + np.arange(768.0).reshape(24, 32) / 100
    assert np.isnan(filtered_c[~measured]).all()
    assert (filtered_c - scene_c)[measured].std() < 0.3 / np.sqrt(8) * 1.25


def test_what_moves_is_shown_at_once_and_only_there():
    quiet = TemporalFilter(0.3)
    scene_c = np.full((24, 32), 22.0, np.float32)
    for _ in range(10):
        quiet.update(scene_c + 0.1)
    moved_c = scene_c.copy()
    moved_c[5, 5] = 34
    filtered_c = quiet.update(moved_c)
    assert filtered_c[5, 5] == 34
    assert np.all(np.delete(filtered_c.ravel(), 5 * 32 + 5) == np.float32(22.1 - 0.1 / 8))
    assert filtered_c.dtype == np.float32
    assert quiet.update(scene_c)[5, 5] == 22


def test_a_pixel_without_a_reading_keeps_its_average():
    quiet = TemporalFilter(np.full((24, 32), np.nan), readings=4)
    scene_c = np.full((24, 32), 22.0)
    quiet.update(scene_c)
    quiet.update(np.full((24, 32), np.nan))
    assert np.allclose(quiet.update(scene_c + 0.3), 22.15)
    quiet.reset()
    assert np.all(quiet.update(scene_c + 0.3) == 22.3)
