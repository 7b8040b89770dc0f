"""A sensor between scene and screener: chess subpages at 16 Hz, with measured noise, merged to frames."""

from collections.abc import Callable

import numpy as np
import pytest

from doumen.config import ReferenceSettings, ScreeningSettings
from doumen.model import Reason
from doumen.screening.screener import Event, Screener
from doumen.simulator.scene import Scene, noise_c

CHESS = (np.add.outer(np.arange(24), np.arange(32)) % 2).astype(bool)
START_MS = 1_760_000_000_000


def watch_scene(
    scene: Scene,
    screener: Screener,
    seconds: float,
    *,
    seed: int = 0,
    faults: tuple[Reason, ...] = (),
    alter: Callable[[float, np.ndarray], np.ndarray] | None = None,
) -> list[Event]:
    """All events of `seconds` of scene time; `alter(t_s, frame_c)` changes a frame before it is seen."""
    rng = np.random.default_rng(seed)
    frame = np.full((24, 32), np.nan, np.float32)
    events: list[Event] = []
    for step in range(round(seconds * 16)):
        t_s = step / 16
        subpage = scene.temperatures(t_s) + noise_c(rng)
        frame = np.where(bool(step % 2) == CHESS, subpage, frame).astype(np.float32)
        seen = frame if alter is None else alter(t_s, frame.copy())
        events += screener.update(START_MS + round(1000 * t_s), seen, faults=faults)
    return events + screener.finish()


@pytest.fixture
def settings() -> ScreeningSettings:
    return ScreeningSettings(reference=ReferenceSettings())


@pytest.fixture(scope="session")
def watch() -> Callable[..., list[Event]]:
    return watch_scene


@pytest.fixture(scope="session")
def start_ms() -> int:
    return START_MS
