"""Two halves of a frame: motion between them, and steps between their levels."""

import numpy as np
import pytest

from doumen.thermal.calibration import Calibration
from doumen.thermal.merging import FrameMerger, deinterlace, merge_moving, pattern_offset_k
from doumen.thermal.pixels import merge, subpage_mask
from doumen.thermal.temperature import object_c

NOISE_K = 0.3


def seen(scene_c, subpage, chess=True, rng=None):
    """What one subpage measures of a scene."""
    noise = 0 if rng is None else rng.normal(0, NOISE_K, scene_c.shape)
    return np.where(subpage_mask(chess, subpage), scene_c + noise, np.nan)


def person(column, width=9):
    """A warm upright rectangle in a cool room."""
    scene_c = np.full((24, 32), 22.0)
    scene_c[4:, column : column + width] = 34.0
    return scene_c


def worst_k(frame_c, scene_c):
    return np.abs(frame_c - scene_c).max()


@pytest.mark.parametrize("chess", [True, False])
@pytest.mark.parametrize("has_before", [True, False])
def test_a_scene_at_rest_is_merged_as_ever(chess, has_before):
    scene_c = person(10)
    older, newer = seen(scene_c, 0, chess), seen(scene_c, 1, chess)
    merged = merge_moving(older, newer, newer if has_before else None, chess=chess, noise_k=NOISE_K)
    assert not merged.moved.any()
    assert np.array_equal(merged.frame_c, merge(older, newer))


def test_noise_alone_moves_next_to_nothing():
    rng = np.random.default_rng(1)
    moved = {True: 0, False: 0}
    for _ in range(50):
        before, older, newer = (seen(person(10), n, rng=rng) for n in (1, 0, 1))
        for with_before in moved:
            merged = merge_moving(older, newer, before if with_before else None, noise_k=NOISE_K)
            moved[with_before] += int(merged.moved.sum())
    assert moved[True] <= 5
    assert moved[False] <= 5


@pytest.mark.parametrize("chess", [True, False])
@pytest.mark.parametrize("step", [2, 3, 5])
def test_a_person_who_walks_leaves_no_comb(chess, step):
    before, older, newer = (seen(person(10 + step * i), n, chess) for i, n in enumerate((1, 0, 1)))
    scene_c = person(10 + 2 * step)
    plain_k = np.abs(merge(older, newer) - scene_c)
    for earlier in (before, None):
        merged = merge_moving(older, newer, earlier, chess=chess, noise_k=NOISE_K)
        error_k = np.abs(merged.frame_c - scene_c)
        assert merged.moved.any()
        assert error_k.sum() < 0.45 * plain_k.sum()
        assert not merged.moved[:, :8].any(), "nothing moved there"


def test_a_moved_pixel_comes_from_the_newer_half_alone():
    before, older, newer = (seen(person(column), n) for column, n in ((6, 1), (6, 0), (14, 1)))
    merged = merge_moving(older, newer, before, noise_k=NOISE_K)
    other = merge_moving(older + 5, newer, before, noise_k=NOISE_K)
    assert np.array_equal(merged.frame_c[merged.moved], other.frame_c[merged.moved])
    assert worst_k(merged.frame_c, person(14)) <= 6.1, "half an edge at most, where 12 K would stand"


def test_a_single_hot_spot_at_rest_keeps_its_peak():
    scene_c = np.full((24, 32), 33.0)
    scene_c[9, 9] = scene_c[9, 14] = 36.0
    for n in (0, 1):
        older, newer = seen(scene_c, n), seen(scene_c, 1 - n)
        for before in (newer, None):
            merged = merge_moving(older, newer, before, noise_k=NOISE_K)
            assert merged.frame_c[9, 9] == merged.frame_c[9, 14] == 36


@pytest.mark.parametrize("direction", ["row", "column"])
def test_a_thin_thing_at_rest_is_not_taken_for_motion(direction):
    scene_c = np.full((24, 32), 22.0)
    if direction == "row":
        scene_c[12] = 33
    else:
        scene_c[:, 12] = 33
    merged = merge_moving(seen(scene_c, 0), seen(scene_c, 1), noise_k=NOISE_K)
    assert merged.moved.sum() <= 2, "its ends at the border"


def test_bad_pixels_of_the_newer_half_are_not_asked():
    before, older, newer = (seen(person(column), n) for column, n in ((6, 1), (6, 0), (14, 1)))
    newer[10, 15] = np.nan
    merged = merge_moving(older, newer, before, noise_k=NOISE_K)
    assert np.isfinite(merged.frame_c[merged.moved]).all()


def test_inputs_stay_as_they_were():
    older, newer = seen(person(6), 0), seen(person(14), 1)
    copies = older.copy(), newer.copy()
    merge_moving(older, newer)
    deinterlace(older)
    np.testing.assert_array_equal(older, copies[0])
    np.testing.assert_array_equal(newer, copies[1])


def test_a_merger_gives_a_frame_a_subpage_after_the_first():
    merger = FrameMerger(noise_k=NOISE_K)
    assert merger.update(seen(person(6), 0)) is None
    first = merger.update(seen(person(6), 1))
    assert not first.moved.any()
    walked = merger.update(seen(person(14), 0))
    assert walked.moved.any()
    assert worst_k(walked.frame_c, person(14)) <= 6.1


def test_a_merger_does_not_merge_over_a_lost_subpage():
    merger = FrameMerger()
    merger.update(seen(person(6), 0))
    assert merger.update(seen(person(6), 0)) is None
    assert merger.update(seen(person(6), 1)) is not None
    merger.reset()
    assert merger.update(seen(person(6), 0)) is None


@pytest.mark.parametrize("chess", [True, False])
def test_a_step_between_the_subpages_is_measured_and_taken_out(chess):
    rng = np.random.default_rng(3)
    rows, columns = np.indices((24, 32))
    scene_c = person(12) + 0.3 * rows - 0.2 * columns
    frame_c = scene_c + rng.normal(0, 0.1, scene_c.shape)
    mean_c = frame_c.mean()
    frame_c[subpage_mask(chess, 1)] += 0.8
    assert pattern_offset_k(frame_c, chess=chess) == pytest.approx(0.8, abs=0.05)
    flat_c = deinterlace(frame_c, chess=chess)
    assert pattern_offset_k(flat_c, chess=chess) == pytest.approx(0, abs=1e-9)
    assert flat_c.mean() == pytest.approx(mean_c + 0.4)


def test_frames_without_a_step_stay_and_those_without_pixels_too():
    rows, columns = np.indices((24, 32))
    frames_c = np.stack([20 + 0.5 * rows + 0.1 * columns, np.full((24, 32), np.nan)]).astype(np.float32)
    flat_c = deinterlace(frames_c)
    assert flat_c.dtype == np.float32
    np.testing.assert_allclose(flat_c[0], frames_c[0], atol=1e-5)
    assert np.isnan(flat_c[1]).all()
    assert pattern_offset_k(seen(person(3), 0)) == 0


def test_a_real_frame_has_less_of_a_checkerboard_afterwards(real_sensors):
    for sensor in ("melexis_example/", "signaloid/"):
        older, newer = real_sensors[sensor]
        calibration = Calibration.from_eeprom(older.eeprom)
        images_c = object_c(calibration, np.concatenate([older.subpages, newer.subpages]))
        flat_c = deinterlace(merge(images_c[0], images_c[1]))
        assert abs(pattern_offset_k(flat_c)) < 1e-4
