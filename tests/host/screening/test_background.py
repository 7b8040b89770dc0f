"""What a pixel shows when nobody is there."""

import numpy as np
import pytest

from doumen.config import ScreeningSettings
from doumen.screening.background import Background, fill_gaps


def learnt(frame: np.ndarray, *, seconds: float = 3.0, noise_c: float = 0.3) -> tuple[Background, int]:
    rng = np.random.default_rng(0)
    background = Background(ScreeningSettings())
    t_ms = 0
    while t_ms < seconds * 1000:
        t_ms += 62
        seen = (frame + noise_c * rng.standard_normal((24, 32))).astype(np.float32)
        background.learn(t_ms, seen, background.warm(seen), someone=False)
    return background, t_ms


def wall(value_c: float = 22.0) -> np.ndarray:
    return np.full((24, 32), value_c, np.float32)


def test_level_and_noise_are_those_of_the_empty_scene() -> None:
    background, _ = learnt(wall(), seconds=10)
    assert background.ready
    assert background.ambient_c == pytest.approx(22.0, abs=0.05)
    assert float(np.median(background.noise_c)) == pytest.approx(0.3, abs=0.06)


def test_a_noisy_pixel_needs_more_to_be_warm() -> None:
    quiet, _ = learnt(wall(), noise_c=0.1)
    noisy, _ = learnt(wall(), noise_c=1.5)
    assert quiet.warm(wall(25.0)).all()
    # Two seconds of a pixel give its noise to about 20 %: a few are thought too quiet.
    assert noisy.warm(wall(25.0)).mean() < 0.05


def test_it_is_frozen_where_a_person_stands_and_follows_elsewhere() -> None:
    background, t_ms = learnt(wall())
    frame = wall(22.5)
    frame[8:16, 12:20] = 34.0
    for _ in range(100):
        t_ms += 62
        background.learn(t_ms, frame, background.warm(frame), someone=True)
    assert float(background.level_c[12, 16]) == pytest.approx(22.0, abs=0.3)
    assert float(background.level_c[2, 2]) == pytest.approx(22.5, abs=0.1)


def test_what_stays_colder_is_believed_within_a_second() -> None:
    frame = wall()
    frame[8:16, 12:20] = 34.0
    background, t_ms = learnt(frame)
    for _ in range(16):
        t_ms += 62
        background.learn(t_ms, wall(), background.warm(wall()), someone=False)
    assert float(background.level_c[12, 16]) == pytest.approx(22.0, abs=0.2)


def test_a_cold_coat_is_not_learnt() -> None:
    background, t_ms = learnt(wall())
    for _ in range(30):
        t_ms += 62
        background.learn(t_ms, wall(15.0), background.warm(wall(15.0)), someone=True)
    assert float(background.level_c.min()) > 21.0


def test_a_missing_pixel_is_never_warm_and_learnt_when_it_comes_back() -> None:
    broken = wall()
    broken[5, 5] = np.nan
    background, t_ms = learnt(broken)
    assert np.isnan(background.level_c[5, 5])
    assert not background.warm(wall(40.0))[5, 5]
    background.learn(t_ms + 62, wall(), background.warm(wall()), someone=False)
    assert background.level_c[5, 5] == 22.0


def test_single_gaps_are_filled_and_wide_ones_are_not() -> None:
    frame = wall()
    frame[4] = np.nan
    frame[10:13] = np.nan
    filled = fill_gaps(frame)
    assert np.isfinite(filled[4]).all()
    assert np.isnan(filled[11]).all()
    assert np.isnan(frame[4]).all()
