"""A gate's subpages become events: calibrate, merge, screen. No link, no clock, no file.

The same for a live gate and for a recording.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from doumen.config import Settings
from doumen.model import Passage, Reason, Verdict
from doumen.screening.decision import TEACHABLE
from doumen.screening.events import Event
from doumen.screening.screener import Screener
from doumen.thermal.calibration import Calibration
from doumen.thermal.filters import CompensationAverage
from doumen.thermal.frame_checks import FrameFlag, check_subpages
from doumen.thermal.pixels import merge, repair
from doumen.thermal.temperature import measure

# Two halves of a frame further apart than this show two scenes.
_HALVES_MS = 400
# Real sensors were seen at 2.6 to 3.32 V: outside the datasheet's 3.3 ± 0.05 V is only a flag, here it is a fault.
_SUPPLY_V = (3.0, 3.6)
# A repeated subpage is none: a recording in a loop repeats.
_FAULTS = (
    FrameFlag.WORDS_7FFF | FrameFlag.ZERO_GAIN | FrameFlag.AMBIENT_OUT_OF_RANGE | FrameFlag.UNKNOWN_SUBPAGE
)
_CHESS = 0x1000


class GatePipeline:
    """One sensor, from its start until it is replaced.

    frame_c, ambient_c, supply_v, flags (`FrameFlag`): of the latest subpage.
    """

    def __init__(
        self, eeprom: NDArray[np.uint16], settings: Settings, baseline: Sequence[float] = ()
    ) -> None:
        """Raises CalibrationError if the EEPROM is not a sensor's."""
        self._calibration = Calibration.from_eeprom(eeprom)
        self._bad = self._calibration.broken | self._calibration.outlier
        self._settings = settings
        self._compensation = CompensationAverage()
        self._previous: NDArray[np.uint16] | None = None
        self._halves: dict[int, tuple[NDArray[np.float32], int]] = {}
        self.screener = Screener(settings.screening, baseline)
        self.frame_c: NDArray[np.float32] | None = None
        self.ambient_c = self.supply_v = float("nan")
        self.flags = FrameFlag(0)
        self.subpages = 0

    def feed(self, t_ms: int, words: NDArray[np.uint16], faults: tuple[Reason, ...] = ()) -> list[Event]:
        """One subpage: t_ms, the time of its end; words: (834,) uint16. Returns what happened."""
        self.subpages += 1
        rows = words[np.newaxis]
        self.flags = FrameFlag(int(check_subpages(self._calibration, rows, self._previous)[0]))
        self._previous = words.copy()
        rows = self._compensation.update(rows)
        measured = measure(self._calibration, rows, emissivity=self._settings.gate.emissivity)
        image = measured.object_c[0]
        self.ambient_c, self.supply_v = float(measured.ambient_c[0]), float(measured.supply_v[0])
        if self.flags & _FAULTS or not _SUPPLY_V[0] <= self.supply_v <= _SUPPLY_V[1]:
            faults = (*faults, Reason.SENSOR_FAULT)
        if self._bad.any():
            image = repair(image, self._bad, chess=bool(words[832] & _CHESS))
        # When a subpage was lost on the way, the one before is the same half, not the other.
        number = int(words[833]) & 1
        self._halves[number] = image, t_ms
        older, older_ms = self._halves.get(1 - number, (image, None))
        if older_ms is None or not 0 <= t_ms - older_ms <= _HALVES_MS:
            return []
        self.frame_c = merge(older, image).astype(np.float32, copy=False)
        return self.screener.update(t_ms, self.frame_c, faults=faults)

    def finish(self) -> list[Event]:
        """End what is going on: the gate went away."""
        return self.screener.finish()


def earlier_readings(passages: Sequence[Passage]) -> list[float]:
    """The skin temperatures, °C, that may teach a baseline: those that neither alarmed nor were in doubt."""
    return [
        passage.reading.skin_c
        for passage in passages
        if passage.reading is not None
        and passage.verdict is not Verdict.ELEVATED
        and TEACHABLE.issuperset(passage.reading.reasons)
    ]
