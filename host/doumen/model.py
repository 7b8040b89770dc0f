"""The nouns that rooms of the host hand to each other.

Times are integers, milliseconds since 1970 UTC; coordinates are integers, 1e-7 degrees.
"""

from dataclasses import dataclass
from enum import IntEnum, StrEnum


class Verdict(IntEnum):
    """What the gate is told about a passage; the numbers are those of the wire."""

    PASS = 1
    LOOK_AGAIN = 2
    ELEVATED = 3


class Reason(StrEnum):
    """Why a reading may be wrong, or why there is none."""

    WARMING_UP = "warming_up"
    LEARNING = "learning"
    DEGRADED = "degraded"
    REFERENCE_LOST = "reference_lost"
    TOO_FAR = "too_far"
    TOO_FEW_FRAMES = "too_few_frames"
    BLURRED = "blurred"
    SENSOR_FAULT = "sensor_fault"
    COLD_FACE = "cold_face"
    UNDECIDED = "undecided"


@dataclass(frozen=True, slots=True)
class Reading:
    """A skin temperature with its uncertainty; never a core temperature, never a diagnosis.

    skin_c: upper-face skin temperature, °C, corrected by the reference source where there is one.
    uncertainty_c: expanded uncertainty (k = 2), K.
    background_c: what stands behind the person, °C.
    baseline_c: median of the site's recent readings that did not alarm, °C; None while learning.
    frames: how many full frames were averaged.
    """

    skin_c: float
    uncertainty_c: float
    background_c: float
    baseline_c: float | None
    frames: int
    reasons: tuple[Reason, ...] = ()

    @property
    def elevation_c(self) -> float | None:
        """Skin temperature over the baseline, K."""
        return None if self.baseline_c is None else self.skin_c - self.baseline_c


@dataclass(frozen=True, slots=True)
class Passage:
    """One person through a gate. `reading` is None when no frame was good enough."""

    started_ms: int
    ended_ms: int
    verdict: Verdict
    reading: Reading | None
    reasons: tuple[Reason, ...] = ()


@dataclass(frozen=True, slots=True)
class Positionfix:
    """A position with its time, as trackintel names it.

    hdop_c: horizontal dilution of precision in hundredths; 0xFFFF when unknown.
    quality: NMEA GGA field 6 (1 autonomous, 2 differential, 4 and 5 real-time kinematic, 6 estimated).
    """

    time_ms: int
    lat_e7: int
    lon_e7: int
    hdop_c: int
    satellites: int
    quality: int
