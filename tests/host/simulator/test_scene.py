"""The simulated thermal world: what it shows, and that it is the same every time."""

import time

import numpy as np
import pytest

from doumen.simulator.scene import (
    HotObject,
    Person,
    ReferenceSource,
    Scene,
    baseline_readings,
    eye_disc_from_oral_c,
    noise_c,
    noise_sd_c,
    paint_person,
    queue_of_people,
)


def test_the_same_seed_gives_the_same_world() -> None:
    one, other = (Scene(queue_of_people(3, [36.8, 38.6]), seed=5) for _ in range(2))
    for t_s in (0.0, 5.3, 9.1, 5.3):
        np.testing.assert_array_equal(one.temperatures(t_s), other.temperatures(t_s))
    assert one.truth == other.truth


def test_an_empty_room_is_at_room_temperature() -> None:
    frame = Scene([], ambient_c=19.0).temperatures(1.0)
    assert frame.shape == (24, 32)
    assert frame.dtype == np.float64
    assert np.all(np.abs(frame - 19.0) < 1.0)


def test_nobody_is_in_view_before_arrival_or_after_leaving() -> None:
    scene = Scene([Person("one", 2.0)])
    truth = scene.truth[0]
    empty = scene.temperatures(0.0)
    np.testing.assert_array_equal(scene.temperatures(truth.arrives_s), empty)
    np.testing.assert_array_equal(scene.temperatures(truth.gone_s), empty)
    assert truth.arrives_s < truth.stands_s < truth.leaves_s < truth.gone_s


def test_a_face_at_half_a_metre_covers_as_many_pixels_as_measured() -> None:
    scene = Scene([Person("near", 0.0, distance_m=0.5, stands_s=5.0)])
    skin = scene.temperatures(scene.truth[0].stands_s + 0.5)[:19] > 31.0
    # FACTS 2: 171 pixels for a face at 0.5 m; hair takes a third of this head.
    assert 85 <= int(skin.sum()) <= 171


def test_the_eye_disc_is_what_truth_says() -> None:
    picture = paint_person(36.2, 23.0, np.random.default_rng(1))
    disc = [
        float(np.mean(picture[row - 2 : row + 3, column - 2 : column + 3]))
        for row, column in ((42, 108), (42, 132))
    ]
    assert max(disc) == pytest.approx(36.2, abs=0.15)
    assert min(disc) <= max(disc)


def test_the_upper_face_of_a_person_shows_the_eye_disc_within_half_a_kelvin() -> None:
    for oral_c in (36.6, 38.6):
        scene = Scene([Person("near", 0.0, oral_c=oral_c, stands_s=5.0)], seed=2)
        face = scene.temperatures(scene.truth[0].stands_s + 0.5)[6:14, 11:21]
        top = float(np.sort(face, axis=None)[-3:].mean())
        assert top == pytest.approx(eye_disc_from_oral_c(oral_c), abs=0.5)


def test_skin_follows_the_published_relation() -> None:
    assert 34.9 <= eye_disc_from_oral_c(36.8) <= 35.3
    assert 1.4 <= eye_disc_from_oral_c(38.6) - eye_disc_from_oral_c(36.8) <= 2.0


def test_the_reference_shows_its_temperature_unless_covered() -> None:
    scene = Scene([], reference=ReferenceSource(covered_from_s=5.0, covered_until_s=6.0))
    for t_s, shown_c in ((4.9, 36.5), (5.5, 23.0), (6.0, 36.5)):
        assert scene.temperatures(t_s)[2:5, 2:5] == pytest.approx(np.full((3, 3), shown_c), abs=0.7)


def test_edges_are_mixed_by_area() -> None:
    scene = Scene([Person("near", 0.0, stands_s=5.0)])
    line = scene.temperatures(scene.truth[0].stands_s + 0.5)[12]
    steps = np.abs(np.diff(line))
    # From wall to cheek takes at least two steps somewhere: one pixel holds some of both.
    assert np.any((line > 24.0) & (line < 31.0))
    assert steps.max() < 12.0


def test_a_hot_object_appears_when_it_should() -> None:
    scene = Scene([], objects=[HotObject(10, 4, 3, 5, 55.0, appears_s=2.0)])
    assert scene.temperatures(1.9).max() < 25
    warm = scene.temperatures(2.0) > 50
    assert int(warm.sum()) == 15


def test_noise_has_the_measured_levels() -> None:
    sd = noise_sd_c()
    assert sd[12, 16] == pytest.approx(0.29, abs=0.01)
    assert float(np.median(sd)) == pytest.approx(0.39, abs=0.02)
    assert sd[0, 0] == pytest.approx(1.3, abs=0.01)
    rng = np.random.default_rng(0)
    stack = np.stack([noise_c(rng) for _ in range(2000)])
    assert stack.mean(axis=(1, 2)).std() == pytest.approx(0.13, abs=0.015)
    assert stack[:, 12, 16].std() == pytest.approx(np.hypot(0.29, 0.13), abs=0.02)


def test_a_baseline_to_preload_is_healthy() -> None:
    readings = baseline_readings(seed=4)
    assert len(readings) == 50
    assert np.median(readings) == pytest.approx(eye_disc_from_oral_c(36.8), abs=0.3)


def test_a_frame_costs_a_fraction_of_a_subpage() -> None:
    scene = Scene([Person("a", 0.0, stands_s=60.0), Person("b", 0.0, distance_m=1.0, stands_s=60.0)])
    costs_s: list[float] = []
    for step in range(60):
        before = time.perf_counter()
        scene.temperatures(5.0 + step / 16)
        costs_s.append(time.perf_counter() - before)
    # 0.1 ms on the lab machine; the best of many is what other processes do not touch.
    assert min(costs_s) < 1.5e-3
