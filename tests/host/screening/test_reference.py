"""The black body in view."""

import numpy as np
import pytest

from doumen.config import ReferenceSettings
from doumen.screening.reference import Reference


def frame(source_c: float, rng: np.random.Generator, noise_c: float = 0.6) -> np.ndarray:
    seen = np.full((24, 32), 23.0)
    seen[2:5, 2:5] = source_c
    return (seen + noise_c * rng.standard_normal((24, 32))).astype(np.float32)


def watched(
    *spells: tuple[float, float], seed: int = 0, settings: ReferenceSettings | None = None
) -> tuple[Reference, int]:
    """A reference after (seconds, source temperature) one after another, and the time, ms."""
    rng = np.random.default_rng(seed)
    reference = Reference(settings or ReferenceSettings())
    t_ms = 0
    for seconds, source_c in spells:
        for _ in range(round(seconds * 16)):
            t_ms += 62
            reference.update(t_ms, frame(source_c, rng))
    return reference, t_ms


def test_the_offset_is_known_minus_measured() -> None:
    for off_c in (-1.5, 0.0, 1.5):
        reference, t_ms = watched((15, 36.5 + off_c))
        assert reference.offset_c(t_ms) == pytest.approx(-off_c, abs=0.1)
        assert reference.noise_c < 0.1


def test_it_is_not_trusted_before_a_second_of_it() -> None:
    reference, t_ms = watched((0.5, 36.5))
    assert reference.offset_c(t_ms) is None


@pytest.mark.parametrize("cover_c", [20.0, 30.0, 33.0, 34.5])
def test_a_cover_is_noticed_within_the_time_set(cover_c: float) -> None:
    reference, t_ms = watched((15, 36.5), (1.3, cover_c))
    assert reference.offset_c(t_ms) is None


def test_a_short_cover_does_not_spoil_it() -> None:
    reference, t_ms = watched((15, 36.9), (0.5, 30.0), (0.5, 36.9))
    assert reference.offset_c(t_ms) == pytest.approx(-0.4, abs=0.1)


def test_it_follows_a_slow_drift() -> None:
    reference, t_ms = watched(*((1.0, 36.5 + 0.01 * second) for second in range(100)))
    assert reference.offset_c(t_ms) == pytest.approx(-0.99, abs=0.2)


def test_something_far_from_its_temperature_is_not_it() -> None:
    reference, t_ms = watched((15, 31.0))
    assert reference.offset_c(t_ms) is None


def test_missing_pixels_are_left_out() -> None:
    reference = Reference(ReferenceSettings())
    rng = np.random.default_rng(1)
    for step in range(64):
        seen = frame(36.0, rng)
        seen[2, 2:5] = np.nan
        reference.update(step * 62, seen)
    assert reference.offset_c(63 * 62) == pytest.approx(0.5, abs=0.15)
