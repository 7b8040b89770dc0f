"""What a simulated sensor looks at: a recording, or a painted scene."""

import numpy as np
from numpy.typing import NDArray

from doumen.simulator.scene import Scene, noise_c
from doumen.simulator.sensor_words import SensorWords

Words = NDArray[np.uint16]
_RAM_WORDS = 832
SKIN_EMISSIVITY = 0.98


class Recorded:
    """Real subpages, replayed as they are.

    subpages: (2, 834) uint16, number 0 first.
    """

    def __init__(self, subpages: Words) -> None:
        self._ram = [row[:_RAM_WORDS].copy() for row in subpages]

    def measure(self, number: int, control: int, time_s: float) -> Words:
        """See chips.Scene."""
        return self._ram[number]


class Painted:
    """A scene as this sensor would see it: through its own offsets, sensitivities and noise.

    began_s: the sensor's time at which the scene's time is 0.
    """

    def __init__(self, scene: Scene, words: SensorWords, began_s: float, seed: int) -> None:
        self._scene = scene
        self._words = words
        self._began_s = began_s
        self._rng = np.random.default_rng(seed)
        self._last: Words | None = None

    def measure(self, number: int, control: int, time_s: float) -> Words:
        """See chips.Scene."""
        object_c = self._scene.temperatures(time_s - self._began_s) + noise_c(self._rng)
        self._last = self._words.subpage(object_c, number, emissivity=SKIN_EMISSIVITY, previous=self._last)
        return self._last[:_RAM_WORDS]
